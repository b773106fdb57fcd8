"""National languages on the wire, there and back, octet by octet."""

from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.estimates import estimate
from esmed.fieldtypes import Endpoint
from esmed.models import Fault, InboundIn, Plan, Request
from esmed.reassembly import merge
from esmed.secret import Secret
from esmed.smpp.config import Config, Host
from esmed.smpp.encoding import Encoder
from esmed.smpp.receipts import Interpreter
from pdu import DataSm, DeliverSm, SubmitSm, Tag, decode, encode, national, tlv, udh
from pdu.national import Language, Shift
from pdu.transliterate import transliterate

NOW = 1_767_225_600_000
LANGUAGES = get_args(Language)
TURKISH = "Yarın görüşürüz"
GREETINGS = {
    "tr": "Siparişiniz yola çıktı, İyi günler dileğiyle.",
    "es": "¡Buenos días! Su envío llegará mañana a primera hora según lo acordado.",
    "pt": "Olá! A sua encomenda já está a caminho. Não é preciso fazer mais nada.",
    "bn": "আপনার অর্ডার পাঠানো হয়েছে. ধন্যবাদ",
    "gu": "તમારો ઓર્ડર મોકલવામાં આવ્યો છે. આભાર",
    "hi": "आपका ऑर्डर भेज दिया गया है। धन्यवाद",
    "kn": "ನಿಮ್ಮ ವಸ್ತು ಕಳುಹಿಸಲಾಗಿದೆ. ಧನ್ಯವಾದ",
    "ml": "നിങ്ങളുടെ ഓർഡർ അയച്ചു. നന്ദി",
    "or": "ଆପଣଙ୍କ ଅର୍ଡର ପଠାଯାଇଛି. ଧନ୍ୟବାଦ",
    "pa": "ਤੁਹਾਡਾ ਆਰਡਰ ਭੇਜਿਆ ਗਿਆ ਹੈ. ਧੰਨਵਾਦ",
    "ta": "உங்கள் ஆர்டர் அனுப்பப்பட்டது. நன்றி",
    "te": "మీ ఆర్డర్ పంపబడింది. ధన్యవాదాలు",
    "ur": "آپ کا آرڈر بھیج دیا گیا ہے۔ شکریہ",
}
"""Your order is on its way, thank you: in letters that the tables have."""


def config(**settings: Any) -> Config:
    return Config(
        hosts=(Host(address=Endpoint("smsc.example", 2775)),),
        system_id="me",
        password=Secret("secret"),
        **settings,
    )


def plan(text: str, request: dict[str, Any] | None = None, **settings: Any) -> Plan:
    writer = Encoder("carrier", config(**settings))
    found = writer.plan(Request(to="380501234567", text=text, **(request or {})), 0xABC)
    assert isinstance(found, Plan), found
    return found


def written(
    text: str, request: dict[str, Any] | None = None, **settings: Any
) -> list[SubmitSm]:
    """Every PDU, as the SMSC decodes it."""
    writer = Encoder("carrier", config(**settings))
    message = Request(to="380501234567", text=text, **(request or {}))
    made = writer.plan(message, 0xABC)
    assert isinstance(made, Plan), made
    found = []
    for part in range(1, len(made.parts) + 1):
        pdu = writer.submit_sm(message, made, part, NOW + 1000, NOW)
        assert isinstance(pdu, SubmitSm)
        arrived = decode(encode(pdu))
        assert isinstance(arrived, SubmitSm)
        found.append(arrived)
    return found


def received(pdu: SubmitSm, **settings: Any) -> InboundIn:
    """The same octets as a reply."""
    reply = DeliverSm(
        source_addr=pdu.destination_addr,
        destination_addr="1234",
        esm_class=pdu.esm_class & 0x40,
        data_coding=pdu.data_coding,
        short_message=pdu.short_message,
        tlvs=pdu.tlvs,
    )
    found = Interpreter("carrier", config(**settings)).read(reply, "h:1", "s", NOW)
    assert isinstance(found, InboundIn)
    return found


def test_national():
    """One part with single shift, as a phone of the standard writes it."""
    (pdu,) = written("è" + TURKISH, national=("tr",))
    assert (pdu.esm_class, pdu.data_coding) == (0x40, 0)
    assert pdu.short_message == (
        bytes.fromhex("03 24 01 01") + b"\x04Yar\x1bin g\x7cr\x7e\x1bs\x7er\x7ez"
    )


def test_by_default_there_is_none():
    (pdu,) = written(TURKISH)
    assert (pdu.esm_class, pdu.data_coding) == (0, 8)
    assert pdu.short_message == TURKISH.encode("utf-16-be")


def test_locking_shift():
    (pdu,) = written(TURKISH, national=("tr",))
    assert pdu.short_message == (
        bytes.fromhex("03 25 01 01") + b"Yar\x07n g\x7cr\x7e\x1d\x7er\x7ez"
    )


def test_both():
    (pdu,) = written("नमस्ते OK", national=("hi",))
    assert pdu.short_message == (
        bytes.fromhex("06 24 01 06 25 01 06 2f 42 4c 5f 27 59 20 1b 4f 1b 4b")
    )


@pytest.mark.parametrize(
    ("concatenation", "header"),
    [
        ("udh8", "08 00 03 bc 02 %02x 25 01 01"),
        ("udh16", "09 08 04 0abc 02 %02x 25 01 01"),
        ("sar", "03 25 01 01"),
    ],
)
def test_in_parts(concatenation, header):
    """The header that tells the table is in each."""
    text = "ğ" + "a" * 149
    pdus = written(
        text + "x" * 6, national=("tr",), concatenation=concatenation, receipts="last"
    )
    rooms = {"udh8": 149, "udh16": 148, "sar": 149}
    for number, pdu in enumerate(pdus, 1):
        head = bytes.fromhex(header % number if "%" in header else header)
        assert pdu.short_message.startswith(head)
        assert pdu.esm_class == 0x40
        if number == 1:
            assert len(pdu.short_message) == len(head) + rooms[concatenation]
        if concatenation == "sar":
            assert tlv.get_int(pdu.tlvs, Tag.SAR_MSG_REF_NUM) == 0xABC
            assert tlv.get_int(pdu.tlvs, Tag.SAR_TOTAL_SEGMENTS) == 2
            assert tlv.get_int(pdu.tlvs, Tag.SAR_SEGMENT_SEQNUM) == number
        else:
            assert pdu.tlvs == ()


def test_payload():
    """One part is a short_message; of a longer one the SMSC would lose the tables."""
    (pdu,) = written("ğ" + "a" * 154, national=("tr",), concatenation="payload")
    assert pdu.short_message.startswith(b"\x03\x25\x01\x01\x0ca")
    assert pdu.tlvs == ()
    text = "ğ" + "a" * 155
    (pdu,) = written(text, national=("tr",), concatenation="payload")
    assert (pdu.esm_class, pdu.data_coding, pdu.short_message) == (0, 8, b"")
    assert tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD) == text.encode("utf-16-be")
    found = Encoder("c", config(national=("tr",), concatenation="payload")).plan(
        Request(to="380501234567", text=text, encoding="gsm7"), 1
    )
    assert isinstance(found, Fault)
    assert found.detail == "gsm7 cannot carry a character that it lacks: 'ğ' U+011F"


def test_data_sm():
    writer = Encoder("carrier", config(national=("tr",), submit_with="data_sm"))
    message = Request(to="380501234567", text="ğ")
    made = writer.plan(message, 1)
    assert isinstance(made, Plan)
    pdu = writer.submit_sm(message, made, 1, NOW + 1000, NOW)
    assert isinstance(pdu, DataSm)
    assert pdu.esm_class == 0x40
    payload = tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    assert payload == b"\x03\x25\x01\x01\x0c"


def test_packed():
    """Septets begin on the first boundary behind the header: three bits of fill."""
    (pdu,) = written("ğ", national=("tr",), alphabet="gsm0338-packed")
    assert pdu.short_message == b"\x03\x25\x01\x01" + bytes(((0x0C << 3) & 0xFF, 0))
    (full,) = written("ğ" * 155, national=("tr",), alphabet="gsm0338-packed")
    assert len(full.short_message) == 140
    (both,) = written("नमस्ते OK", national=("hi",), alphabet="gsm0338-packed")
    assert len(both.short_message) == 7 + 10  # 11 septets, no fill


def test_flash_in_parts_with_16_bit_references():
    first, second = written(
        "ğ" * 156, {"flash": True}, national=("tr",), concatenation="udh16"
    )
    assert (first.data_coding, first.esm_class) == (0x10, 0x40)
    assert first.short_message == (
        bytes.fromhex("09 0804 0abc 02 01 250101") + b"\x0c" * 148
    )
    assert second.short_message == (
        bytes.fromhex("09 0804 0abc 02 02 250101") + b"\x0c" * 8
    )
    assert merge([received(second), received(first)]).text == "ğ" * 156


def test_without_the_extension_table():
    settings: dict[str, Any] = {"national": ("tr", "es"), "extension": False}
    assert plan("ğ€", **settings).parts == (b"\x03\x25\x01\x01\x0c\x04",)
    assert plan("á", **settings).encoding == "ucs2"
    assert plan("ğ[", **settings).count.forcing_characters == "["


def test_a_transliterated_text_needs_no_table():
    """It is written at acceptance, before there is a connector."""
    made = plan(transliterate(TURKISH), national=("tr",))
    assert (made.udhi, made.parts) == (False, (b"Yarin g\x7cr\x7es\x7er\x7ez",))


def test_binary_with_a_header_of_its_own():
    writer = Encoder("carrier", config(national=("tr",)))
    header = bytes.fromhex("03 24 01 03")
    message = Request(to="380501234567", data=b"\x1bx", udh=header)
    made = writer.plan(message, 1)
    assert isinstance(made, Plan)
    assert (made.encoding, made.parts) == ("binary", (header + b"\x1bx",))
    (text,) = written("ğ", national=("tr",))
    as_binary = received(SubmitSm(esm_class=0x40, data_coding=4, short_message=header))
    assert as_binary.text is None
    assert received(text).text == "ğ"


def test_max_parts_counts_what_the_tables_leave():
    text = "ğ" * 155
    assert len(plan(text, {"max_parts": 1}, national=("tr",)).parts) == 1
    found = Encoder("c", config()).plan(
        Request(to="380501234567", text=text, max_parts=1), 1
    )
    assert isinstance(found, Fault)
    assert found.code == "max_parts"


@pytest.mark.parametrize(
    ("text", "settings", "shown"),
    [
        ("ğ" * 155, {}, ("gsm7", 1, 155, 155, [])),
        ("ğ" * 156, {}, ("gsm7", 2, 156, 149, [])),
        ("ğ" * 156, {"concatenation": "udh16"}, ("gsm7", 2, 156, 148, [])),
        ("ğ" * 156, {"concatenation": "sar"}, ("gsm7", 2, 156, 149, [])),
        ("ğ" * 156, {"concatenation": "payload"}, ("ucs2", 3, 156, 67, ["ğ"])),
        ("ğ" * 155, {"alphabet": "gsm0338-packed"}, ("gsm7", 1, 155, 155, [])),
        ("ğж", {}, ("ucs2", 1, 2, 70, ["ж"])),
        ("ğж", {"national": ()}, ("ucs2", 1, 2, 70, ["ğ", "ж"])),
        ("ğ[", {"extension": False}, ("ucs2", 1, 2, 70, ["["])),
        ("plain €", {}, ("gsm7", 1, 8, 160, [])),
    ],
)
def test_the_estimate(text, settings, shown):
    view = estimate(plan(text, **{"national": ("tr",), **settings}))
    assert shown == (
        view.encoding,
        view.parts,
        view.units,
        view.units_per_part,
        view.forcing_characters,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_in_each_language(language):
    text = GREETINGS[language]
    (pdu,) = written(text, national=(language,))
    assert pdu.esm_class == 0x40
    whole = received(pdu)
    assert (whole.text, whole.encoding) == (text, "gsm7")
    longer = text * 5
    pdus = written(longer, national=(language,))
    assert len(pdus) < len(written(longer))
    # A grapheme that is cut would show as two.
    texts = [received(each).text or "" for each in pdus]
    assert "".join(texts) == longer
    for _, after in pairwise(texts):
        assert not after.startswith(("\u09cd", "\u093f"))


@given(
    language=st.sampled_from(LANGUAGES),
    concatenation=st.sampled_from(["udh8", "udh16", "sar", "payload"]),
    alphabet=st.sampled_from(["gsm0338", "gsm0338-packed"]),
    flash=st.booleans(),
    data=st.data(),
)
def test_there_and_back(language, concatenation, alphabet, flash, data):
    """Parts in any order, read by one who has no `national` of his own."""
    own = sorted(national.characters(language))
    # At the very end they may be padding, if septets are packed.
    text = data.draw(st.text(st.sampled_from([*own, "@", "a", "€"]), max_size=400))
    text += "."
    pdus = written(
        text,
        {"flash": flash},
        national=(language,),
        concatenation=concatenation,
        alphabet=alphabet,
    )
    parts = [received(pdu, alphabet=alphabet) for pdu in pdus]
    ambiguous = alphabet == "gsm0338-packed" and any(
        part.text and part.text[-1] in _PADDING[language] for part in parts
    )
    merged = merge(data.draw(st.permutations(parts)))
    if not ambiguous:
        assert (merged.text, merged.complete) == (text, True)


_PADDING = {
    language: {
        national.decode(code, Shift(locking if language != "es" else 0, 0))
        for code in (b"\0", b"\r")
    }
    for language, locking in national.IDENTIFIERS.items()
}


def reply(header: str, octets: bytes, **fields: Any) -> InboundIn:
    return received(
        SubmitSm(
            esm_class=0x40,
            short_message=bytes.fromhex(header) + octets,
            destination_addr="380501234567",
            **fields,
        )
    )


def test_parts_of_a_reply_in_different_tables():
    first = reply("08 00 03 07 02 01 24 01 01", b"\x1bg\x04")
    second = reply("08 00 03 07 02 02 25 01 01", b"\x0c\x04")
    assert merge([second, first]).text == "ğèğ€"


def test_an_escape_that_a_phone_cut_in_two():
    first = reply("08 00 03 07 02 01 24 01 01", b"a\x1b")
    second = reply("08 00 03 07 02 02 24 01 01", b"gb")
    assert merge([first, second]).text == "ağb"


def test_a_language_of_the_future():
    assert reply("03 24 01 0e", b"\x1be").text == "€"
    assert udh.parse(bytes.fromhex("03 25 01 0e")).shift == Shift()


def test_other_ways_to_say_gsm7():
    header = "03 25 01 01"
    assert reply(header, b"\x0c", data_coding=0x10).text == "ğ"
    assert reply(header, b"\x0c", data_coding=0xF1).text == "ğ"
    payload = ((int(Tag.MESSAGE_PAYLOAD), bytes.fromhex(header) + b"\x0c"),)
    pdu = SubmitSm(esm_class=0x40, tlvs=payload)
    assert received(pdu).text == "ğ"
