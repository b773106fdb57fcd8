"""The national language single shift tables, 3GPP TS 23.038 §A.2.

Each takes the place of the default extension table: the characters that follow an
escape. Rows of sixteen, in the order of their codes, as far as there are characters;
a cell is an ASCII character, a code point in hex, or FF. ``--`` has no character: a
receiver shows that of the locking shift table, or of the default alphabet. So are 0x0D
and 0x1B, which are set aside for a control and for another extension table.

Earlier releases had misprints that later ones have not: U+0BEF twice for Tamil (0x24 is
U+0BEE), U+06CC and U+06CD among the digits of Telugu (0x22 and 0x23).
"""

from typing import Final

TABLES: Final = {
    # Turkish
    1: r"""
--   --   --   --   --   --   --   --   --   --   FF   --   --   --   --   --
--   --   --   --   ^    --   --   --   --   --   --   --   --   --   --   --
--   --   --   --   --   --   --   --   {    }    --   --   --   --   --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    --   --   --   --   --   --   011E --   0130 --   --   --   --   --   --
--   --   --   015E --   --   --   --   --   --   --   --   --   --   --   --
--   --   --   00E7 --   20AC --   011F --   0131 --   --   --   --   --   --
--   --   --   015F --   --   --   --   --   --   --   --   --   --   --   --
""",
    # Spanish
    2: r"""
--   --   --   --   --   --   --   --   --   00E7 FF   --   --   --   --   --
--   --   --   --   ^    --   --   --   --   --   --   --   --   --   --   --
--   --   --   --   --   --   --   --   {    }    --   --   --   --   --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    00C1 --   --   --   --   --   --   --   00CD --   --   --   --   --   00D3
--   --   --   --   --   00DA --   --   --   --   --   --   --   --   --   --
--   00E1 --   --   --   20AC --   --   --   00ED --   --   --   --   --   00F3
--   --   --   --   --   00FA --   --   --   --   --   --   --   --   --   --
""",
    # Portuguese
    3: r"""
--   --   --   --   --   00EA --   --   --   00E7 FF   00D4 00F4 --   00C1 00E1
--   --   03A6 0393 ^    03A9 03A0 03A8 03A3 0398 --   --   --   --   --   00CA
--   --   --   --   --   --   --   --   {    }    --   --   --   --   --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    00C0 --   --   --   --   --   --   --   00CD --   --   --   --   --   00D3
--   --   --   --   --   00DA --   --   --   --   --   00C3 00D5 --   --   --
--   00C2 --   --   --   20AC --   --   --   00ED --   --   --   --   --   00F3
--   --   --   --   --   00FA --   --   --   --   --   00E3 00F5 --   --   00E2
""",
    # Bengali
    4: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    09E6 09E7 --   09E8 09E9 09EA 09EB
09EC 09ED 09EE 09EF 09DF 09E0 09E1 09E2 {    }    09E3 09F2 09F3 09F4 09F5 \
09F6 09F7 09F8 09F9 09FA --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Gujarati
    5: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0AE6 0AE7 0AE8 0AE9
0AEA 0AEB 0AEC 0AED 0AEE 0AEF --   --   {    }    --   --   --   --   --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Hindi
    6: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0966 0967 0968 0969
096A 096B 096C 096D 096E 096F 0951 0952 {    }    0953 0954 0958 0959 095A \
095B 095C 095D 095E 095F 0960 0961 0962 0963 0970 0971 --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Kannada
    7: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0CE6 0CE7 0CE8 0CE9
0CEA 0CEB 0CEC 0CED 0CEE 0CEF 0CDE 0CF1 {    }    0CF2 --   --   --   --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Malayalam
    8: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0D66 0D67 0D68 0D69
0D6A 0D6B 0D6C 0D6D 0D6E 0D6F 0D70 0D71 {    }    0D72 0D73 0D74 0D75 0D7A \
0D7B 0D7C 0D7D 0D7E 0D7F --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Oriya
    9: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0B66 0B67 0B68 0B69
0B6A 0B6B 0B6C 0B6D 0B6E 0B6F 0B5C 0B5D {    }    0B5F 0B70 0B71 --   --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Punjabi
    10: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0A66 0A67 0A68 0A69
0A6A 0A6B 0A6C 0A6D 0A6E 0A6F 0A59 0A5A {    }    0A5B 0A5C 0A5E 0A75 --   \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Tamil
    11: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0964 0965 --   0BE6 0BE7 0BE8 0BE9
0BEA 0BEB 0BEC 0BED 0BEE 0BEF 0BF3 0BF4 {    }    0BF5 0BF6 0BF7 0BF8 0BFA \
--   --   --   --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
    # Telugu
    12: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    --   --   --   0C66 0C67 0C68 0C69
0C6A 0C6B 0C6C 0C6D 0C6E 0C6F 0C58 0C59 {    }    0C78 0C79 0C7A 0C7B 0C7C \
0C7D 0C7E 0C7F --   --   --   --   --   --   --   --   --   [    ~    ]    --
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
""",
    # Urdu
    13: r"""
@    00A3 $    00A5 00BF "    00A4 %    &    '    FF   *    +    --   -    /
<    =    >    00A1 ^    00A1 _    #    *    0600 0601 --   06F0 06F1 06F2 06F3
06F4 06F5 06F6 06F7 06F8 06F9 060C 060D {    }    060E 060F 0610 0611 0612 \
0613 0614 061B 061F 0640 0652 0658 066B 066C 0672 0673 06CD [    ~    ]    06D4
|    A    B    C    D    E    F    G    H    I    J    K    L    M    N    O
P    Q    R    S    T    U    V    W    X    Y    Z    --   --   --   --   --
--   --   --   --   --   20AC --   --   --   --   --   --   --   --   --   --
""",
}
"""By the national language identifier, 3GPP TS 23.038 §6.2.1.2.4."""
