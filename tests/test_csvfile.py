import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.api.schema import Submit
from esmed.csvfile import NUMBERS, SWITCHES, BadRow, CsvError, Reader, Row


def read(text: str | bytes, *, only_known: bool = False) -> list[Row | BadRow]:
    octets = text.encode() if isinstance(text, str) else text
    return list(Reader(io.BytesIO(octets), only_known=only_known))


def messages(text: str | bytes) -> list[dict[str, object]]:
    rows = read(text)
    assert all(isinstance(row, Row) for row in rows), rows
    return [row.message for row in rows if isinstance(row, Row)]


def test_rows_are_messages():
    assert read("to,from,text\n381,Shop,Hi\n382,,\n") == [
        Row(2, ["381", "Shop", "Hi"], {"to": "381", "from": "Shop", "text": "Hi"}),
        Row(3, ["382", "", ""], {"to": "382"}),
    ]


@pytest.mark.parametrize(
    "file",
    [
        "to;text\n381;a, b\n",
        "to\ttext\n381\ta, b\n",
        'to,text\n381,"a, b"\n',
        "sep=|\nto|text\n381|a, b\n",
        '\ufeff"To" ; TEXT \r\n381;a, b\r\n',
        "\n\nto;text\n\n381;a, b\n;\n\n",
        "to;text\n381;a, b",
    ],
)
def test_delimiters_marks_and_line_ends(file: str):
    assert messages(file) == [{"to": "381", "text": "a, b"}]


def test_one_column_and_no_delimiter():
    assert messages("to\n381\n382\n") == [{"to": "381"}, {"to": "382"}]


def test_quoted_line_breaks_and_quotes():
    first, second = read('to,text\n381,"a\nb ""c"""\n382,d\n')
    assert first.line == 2
    assert isinstance(first, Row)
    assert first.message["text"] == 'a\nb "c"'
    assert second.line == 4


def test_texts_keep_their_blanks_and_others_lose_them():
    assert messages("to,from,text\n 381 , Shop , hi \n") == [
        {"to": "381", "from": "Shop", "text": " hi "}
    ]


def test_numbers_and_switches():
    header = "to,max_parts,validity,flash,transliterate\n"
    assert messages(f"{header}1,2, 60,yes,FALSE\n") == [
        {"to": "1", "max_parts": 2, "validity": 60, "flash": True}
        | {"transliterate": False}
    ]
    bad = read(f"{header}1,-2,,,\n1,,1m,,\n1,,,maybe,\n")
    assert [row.reason for row in bad if isinstance(row, BadRow)] == [
        "max_parts: expected a whole number",
        "validity: expected a whole number",
        "flash: expected true or false",
    ]


def test_their_types_are_those_of_a_submission():
    for name, kind in Submit.__annotations__.items():
        wanted = "int" if name in NUMBERS else "bool" if name in SWITCHES else "str"
        assert wanted in str(kind) or name in {
            *("encoding", "send_at", "priority", "receipt", "on_unknown")
        }


class TestBadRows:
    def test_octets_that_are_not_utf8_are_named_with_their_line(self):
        good, bad, quoted, last = read(
            b'to,text\n1,a\n2,\xff\n3,"a\n\xfe\n"\n4,\xd0\xb0\n'
        )
        assert isinstance(good, Row)
        assert bad == BadRow(3, ["2", "?"], "not UTF-8")
        assert isinstance(quoted, BadRow)
        assert (quoted.line, quoted.reason) == (4, "not UTF-8 in line 5")
        assert isinstance(last, Row)
        assert last.message["text"] == "а"

    def test_too_many_cells(self):
        (bad,) = read("to,text\n1,Hello, you\n")
        assert bad == BadRow(2, ["1", "Hello", " you"], "3 cells, but 2 columns")

    def test_a_quote_in_the_wrong_place(self):
        bad, good = read('to,text\n1,"a"b\n2,c\n')
        assert isinstance(bad, BadRow)
        assert bad.line == 2
        assert "expected after" in bad.reason
        assert isinstance(good, Row)

    def test_a_quote_that_is_never_closed(self):
        (bad,) = read('to,text\n1,"a\n2,b\n3,c\n')
        assert isinstance(bad, BadRow)
        assert bad.reason.startswith("cannot be read, up to line 4: unexpected end")

    def test_nor_does_it_swallow_the_whole_file(self):
        rest = "".join(f"{number},text {number}\n" for number in range(100, 20_000))
        bad, *rows = read(f'to,text\n1,"a\n{rest}')
        assert isinstance(bad, BadRow)
        assert "field larger than field limit" in bad.reason
        # Whoever looks up to which line it went finds all the others behind it.
        assert bad.reason.startswith(f"cannot be read, up to line {rows[0].line - 1}:")
        assert rows[-1].line == 19_902
        assert all(isinstance(row, Row) for row in rows)


class TestHeader:
    @pytest.mark.parametrize(
        ("file", "complaint"),
        [
            (b"", "there is no header"),
            (b"\n\n", "there is no header"),
            ("to;text\n1;a".encode("utf-16"), "line 1: UTF-16"),
            (b"to,te\xfft\n", "line 1: not UTF-8"),
            (b"number,text\n1,a\n", "line 1: there is no column `to`"),
            (
                b"\nto,name\n",
                "line 2: no field is called name; the fields are",
            ),
            (b"to,text,To\n", "line 1: twice there: to"),
        ],
    )
    def test_no_sense_in_it(self, file: bytes, complaint: str):
        with pytest.raises(CsvError) as info:
            read(file)
        assert complaint in str(info.value)

    def test_columns_left_out(self):
        assert messages("to,_line,_error,text\n1,7,bad,a\n") == [
            {"to": "1", "text": "a"}
        ]
        (row,) = read("to,name,name\n1,Ann,Bob\n", only_known=True)
        assert isinstance(row, Row)
        assert row.message == {"to": "1"}


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))


@given(
    st.lists(
        st.tuples(
            _TEXTS,
            st.sampled_from(["Shop", "49151", ""]),
        ),
        max_size=20,
    ),
    st.sampled_from(",;\t"),
)
def test_what_csv_writes_is_read(texts: list[tuple[str, str]], delimiter: str):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["to", "text", "from"])
    writer.writerows([("1", text, sender) for text, sender in texts])
    assert messages(file.getvalue()) == [
        {"to": "1"} | ({"text": text} if text else {}) | ({"from": by} if by else {})
        for text, by in texts
    ]


@given(st.binary())
def test_any_octets_are_rows_or_refused(octets: bytes):
    for row in Reader(io.BytesIO(b"to,text\n" + octets)):
        assert isinstance(row, Row | BadRow)
