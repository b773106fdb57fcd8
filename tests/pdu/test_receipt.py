"""Receipts: SMPP 3.4 Appendix B, §5.2.12, §5.3.2.12, §5.3.2.35, and what is seen."""

import itertools
import random
import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pdu import receipt
from pdu.messages import DataSm, DeliverSm
from pdu.receipt import Receipt, ReceiptState

APPENDIX_B = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2512061230 done date:2512061231"
    b" stat:DELIVRD err:000 text:Hello, this is a tes"
)
RECEIPTED_MESSAGE_ID = 0x001E
NETWORK_ERROR_CODE = 0x0423
MESSAGE_PAYLOAD = 0x0424
MESSAGE_STATE = 0x0427

Tlvs = tuple[tuple[int, bytes], ...]


def parse(
    text: bytes,
    *,
    esm_class: int = 0x04,
    data_coding: int = 0,
    tlvs: Tlvs = (),
) -> Receipt | None:
    return receipt.parse(
        DeliverSm(
            esm_class=esm_class,
            data_coding=data_coding,
            short_message=text,
            tlvs=tlvs,
        )
    )


def read(
    text: bytes,
    *,
    esm_class: int = 0x04,
    data_coding: int = 0,
    tlvs: Tlvs = (),
) -> Receipt:
    found = parse(text, esm_class=esm_class, data_coding=data_coding, tlvs=tlvs)
    assert found is not None
    assert found.raw == text
    return found


class TestStandardForm:
    def test_appendix_b(self) -> None:
        assert parse(APPENDIX_B) == Receipt(
            message_id="0123456789",
            state=ReceiptState.DELIVERED,
            stat="DELIVRD",
            err="000",
            sub="001",
            dlvrd="001",
            submit_date="2512061230",
            done_date="2512061231",
            text="Hello, this is a tes",
            raw=APPENDIX_B,
        )

    def test_text_with_a_capital_as_printed_in_the_standard(self) -> None:
        assert read(APPENDIX_B.replace(b"text:", b"Text: ")).text == (
            "Hello, this is a tes"
        )

    def test_without_text(self) -> None:
        found = read(APPENDIX_B.partition(b" text:")[0])
        assert found.message_id == "0123456789"
        assert found.err == "000"
        assert found.text == ""

    def test_empty_values(self) -> None:
        found = read(
            b"id: sub: dlvrd: submit date: done date: stat: err: text:", esm_class=4
        )
        assert found == Receipt(raw=found.raw)

    def test_text_may_be_anything(self) -> None:
        text = b"id:99 stat:REJECTD err:1 text:\n\xe9 " + b"x" * 300
        found = read(APPENDIX_B.partition(b"text:")[0] + b"text:" + text)
        assert found.message_id == "0123456789"
        assert found.state is ReceiptState.DELIVERED
        assert found.err == "000"
        assert found.text == text.decode("latin-1")

    def test_nul_at_the_end(self) -> None:
        found = read(APPENDIX_B + b"\0")
        assert structs.replace(found, raw=APPENDIX_B) == read(APPENDIX_B)


class TestStates:
    @pytest.mark.parametrize(
        ("stat", "state"),
        [
            # The abbreviations of Appendix B.
            ("DELIVRD", ReceiptState.DELIVERED),
            ("EXPIRED", ReceiptState.EXPIRED),
            ("DELETED", ReceiptState.DELETED),
            ("UNDELIV", ReceiptState.UNDELIVERABLE),
            ("ACCEPTD", ReceiptState.BUFFERED),
            ("UNKNOWN", ReceiptState.UNKNOWN),
            ("REJECTD", ReceiptState.REJECTED),
            # What else is seen.
            ("ENROUTE", ReceiptState.BUFFERED),
            ("delivrd", ReceiptState.DELIVERED),
            ("Delivered", ReceiptState.DELIVERED),
            ("DELIVERED", ReceiptState.DELIVERED),
            ("UNDELIVERABLE", ReceiptState.UNDELIVERABLE),
            ("FAILED", ReceiptState.UNDELIVERABLE),
            ("SKIPPED", ReceiptState.UNDELIVERABLE),
            ("ACKED", ReceiptState.BUFFERED),
            ("BUFFRED", ReceiptState.BUFFERED),
            ("BUFFERD", ReceiptState.BUFFERED),
            ("BUFFERED", ReceiptState.BUFFERED),
            ("ACCEPTED", ReceiptState.BUFFERED),
            ("REJECTED", ReceiptState.REJECTED),
            ("NOSUCH", None),
            ("", None),
        ],
    )
    def test_stat(self, stat: str, state: ReceiptState | None) -> None:
        found = read(APPENDIX_B.replace(b"DELIVRD", stat.encode()))
        assert found.state is state
        assert found.stat == stat

    @pytest.mark.parametrize(
        ("code", "state", "stat"),
        [
            (0, ReceiptState.BUFFERED, "SCHEDULED"),
            (1, ReceiptState.BUFFERED, "ENROUTE"),
            (2, ReceiptState.DELIVERED, "DELIVRD"),
            (3, ReceiptState.EXPIRED, "EXPIRED"),
            (4, ReceiptState.DELETED, "DELETED"),
            (5, ReceiptState.UNDELIVERABLE, "UNDELIV"),
            (6, ReceiptState.BUFFERED, "ACCEPTD"),
            (7, ReceiptState.UNKNOWN, "UNKNOWN"),
            (8, ReceiptState.REJECTED, "REJECTD"),
            (9, ReceiptState.UNDELIVERABLE, "SKIPPED"),
            (77, None, "77"),
        ],
    )
    def test_message_state(
        self, code: int, state: ReceiptState | None, stat: str
    ) -> None:
        found = read(b"", tlvs=((MESSAGE_STATE, bytes([code])),))
        assert found.state is state
        assert found.stat == stat

    def test_intermediate_notification_is_never_the_end_by_itself(self) -> None:
        assert read(b"id:1 err:5", esm_class=0x20).state is ReceiptState.BUFFERED
        assert read(b"id:1 stat:ODD", esm_class=0x20).state is ReceiptState.BUFFERED
        assert read(b"id:1 stat:UNDELIV", esm_class=0x20).state is (
            ReceiptState.UNDELIVERABLE
        )


class TestTlvs:
    def test_they_win_over_the_text(self) -> None:
        found = read(
            APPENDIX_B,
            tlvs=((RECEIPTED_MESSAGE_ID, b"abc-1\0"), (MESSAGE_STATE, b"\x05")),
        )
        assert found.message_id == "abc-1"
        assert found.state is ReceiptState.UNDELIVERABLE
        assert found.stat == "DELIVRD"
        assert found.done_date == "2512061231"

    def test_unknown_message_state_leaves_it_to_the_text(self) -> None:
        found = read(APPENDIX_B, tlvs=((MESSAGE_STATE, b"\x63"),))
        assert found.state is ReceiptState.DELIVERED
        assert found.stat == "DELIVRD"

    def test_alone(self) -> None:
        found = read(
            b"",
            tlvs=(
                (0x1400, b"vendor"),
                (RECEIPTED_MESSAGE_ID, b"42\0"),
                (MESSAGE_STATE, b"\x02"),
                (NETWORK_ERROR_CODE, b"\x08\x00\x03"),
            ),
        )
        assert found == Receipt(
            message_id="42",
            state=ReceiptState.DELIVERED,
            stat="DELIVRD",
            network_error=b"\x08\x00\x03",
        )

    @pytest.mark.parametrize("value", [b"42", b"42\0", b"42\0junk", b" 42 \0"])
    def test_id_with_or_without_its_nul(self, value: bytes) -> None:
        assert read(b"", tlvs=((RECEIPTED_MESSAGE_ID, value),)).message_id == "42"

    @pytest.mark.parametrize("value", [b"", b"\0", b"  \0"])
    def test_empty_id_leaves_it_to_the_text(self, value: bytes) -> None:
        found = read(APPENDIX_B, tlvs=((RECEIPTED_MESSAGE_ID, value),))
        assert found.message_id == "0123456789"

    @pytest.mark.parametrize("value", [b"", b"\0\0\0\0\x02"])
    def test_malformed_message_state_is_none(self, value: bytes) -> None:
        assert read(b"id:1", tlvs=((MESSAGE_STATE, value),)).state is None

    def test_message_state_of_another_width(self) -> None:
        found = read(b"", tlvs=((MESSAGE_STATE, b"\0\x02"),))
        assert found.state is ReceiptState.DELIVERED

    def test_the_first_of_equal_tags_counts(self) -> None:
        found = read(
            b"",
            tlvs=(
                (RECEIPTED_MESSAGE_ID, b"1\0"),
                (RECEIPTED_MESSAGE_ID, b"2\0"),
                (MESSAGE_STATE, b"\x02"),
                (MESSAGE_STATE, b"\x03"),
                (NETWORK_ERROR_CODE, b"\x03\0\1"),
                (NETWORK_ERROR_CODE, b"\x03\0\2"),
            ),
        )
        assert found.message_id == "1"
        assert found.state is ReceiptState.DELIVERED
        assert found.network_error == b"\x03\0\1"

    def test_message_payload(self) -> None:
        for pdu in (
            DeliverSm(esm_class=4, tlvs=((MESSAGE_PAYLOAD, APPENDIX_B),)),
            DataSm(esm_class=4, tlvs=((MESSAGE_PAYLOAD, APPENDIX_B),)),
        ):
            assert receipt.parse(pdu) == read(APPENDIX_B)

    def test_short_message_comes_before_message_payload(self) -> None:
        assert read(b"id:7", tlvs=((MESSAGE_PAYLOAD, APPENDIX_B),)).message_id == "7"

    def test_data_sm_with_tlvs_only(self) -> None:
        found = receipt.parse(
            DataSm(
                esm_class=4,
                tlvs=((RECEIPTED_MESSAGE_ID, b"7\0"), (MESSAGE_STATE, b"\x08")),
            )
        )
        assert found == Receipt(
            message_id="7", state=ReceiptState.REJECTED, stat="REJECTD"
        )


class TestDetection:
    @pytest.mark.parametrize("esm_class", [0x04, 0x06, 0x0C, 0x20, 0x24, 0x84])
    def test_esm_class_alone(self, esm_class: int) -> None:
        found = read(b"nothing we know", esm_class=esm_class)
        assert found.message_id == ""
        assert found.text == ""

    @pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x08, 0x10, 0x18, 0x80])
    def test_a_text_is_an_mo(self, esm_class: int) -> None:
        for text in (b"", b"Yes", b"see you at 10:30", b"id:5 is what", b"stat:OK id:"):
            assert parse(text, esm_class=esm_class) is None

    @pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x08, 0x10])
    def test_the_shape_of_the_text(self, esm_class: int) -> None:
        assert read(APPENDIX_B, esm_class=esm_class).message_id == "0123456789"
        assert read(b"id:1 stat:delivrd", esm_class=esm_class).message_id == "1"
        assert read(b"stat:ODD dlvrd:001 id:1", esm_class=esm_class).stat == "ODD"

    def test_id_and_stat_alone_are_no_shape(self) -> None:
        assert parse(b"my id: 5, stat: single", esm_class=0) is None

    def test_standard_form_without_id_is_no_receipt_by_shape(self) -> None:
        assert parse(APPENDIX_B.replace(b"0123456789", b""), esm_class=0) is None
        assert parse(APPENDIX_B.replace(b"DELIVRD", b""), esm_class=0) is None

    @pytest.mark.parametrize("esm_class", [0x00, 0x08])
    def test_tlvs(self, esm_class: int) -> None:
        by_id = ((RECEIPTED_MESSAGE_ID, b"1\0"),)
        by_state = ((MESSAGE_STATE, b"\x02"),)
        assert read(b"", esm_class=esm_class, tlvs=by_id).message_id == "1"
        assert read(b"err:005", esm_class=esm_class, tlvs=by_id).message_id == "1"
        assert read(b"Hi", esm_class=esm_class, tlvs=by_state).stat == "DELIVRD"

    @pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x10])
    def test_a_text_about_a_message_is_an_mo(self, esm_class: int) -> None:
        """A reply that names what it replies to; Kannel's drive_smpp sends such."""
        tlvs = ((RECEIPTED_MESSAGE_ID, b"1\0"),)
        for text in (b"1", b"Yes", b"see you at 10:30", b"text: yes"):
            assert parse(text, esm_class=esm_class, tlvs=tlvs) is None

    def test_other_tlvs_make_no_receipt(self) -> None:
        tlvs = ((NETWORK_ERROR_CODE, b"\x03\0\0"), (RECEIPTED_MESSAGE_ID, b"\0"))
        assert parse(b"Hi", esm_class=0, tlvs=tlvs) is None

    def test_mo_in_ucs2(self) -> None:
        text = "Привет: как дела?".encode("utf-16-be")
        assert parse(text, esm_class=0, data_coding=8) is None


class TestTolerance:
    FIELDS = (
        b"id:abc-1",
        b"sub:001",
        b"dlvrd:000",
        b"submit date:2512061230",
        b"done date:251206123101",
        b"stat:UNDELIV",
        b"err:0x1F",
        b"text:hello you",
    )

    def test_any_order(self) -> None:
        shuffle = random.Random(1).shuffle
        for _ in range(300):
            fields = list(self.FIELDS)
            shuffle(fields)
            found = read(b" ".join(fields))
            assert found.message_id == "abc-1"
            assert found.stat == "UNDELIV"
            assert found.sub == "001"
            assert found.dlvrd == "000"
            assert found.err == "0x1F"
            assert found.submit_date == "2512061230"
            assert found.done_date == "251206123101"
            assert found.text == "hello you"

    def test_missing_fields(self) -> None:
        names = [field.partition(b":")[0] for field in self.FIELDS]
        whole = read(b" ".join(self.FIELDS))
        attributes = {name: name.decode().replace(" ", "_") for name in names}
        attributes[b"id"] = "message_id"
        for size in range(len(names)):
            for kept in itertools.combinations(self.FIELDS, size):
                found = read(b" ".join(kept))
                for field, name in zip(self.FIELDS, names, strict=True):
                    expected = getattr(whole, attributes[name]) if field in kept else ""
                    assert getattr(found, attributes[name]) == expected

    @pytest.mark.parametrize(
        "text",
        [
            b"id:1 submitdate:2512061230 donedate:2512061231 stat:DELIVRD",
            b"ID:1 SUBMIT DATE:2512061230 Done Date:2512061231 Stat:DELIVRD",
            b"id:1 submit_date:2512061230 done_date:2512061231 stat:DELIVRD",
            b"id: 1 submit date: 2512061230 done date: 2512061231 stat: DELIVRD",
            b"id :1 submit date :2512061230 done date :2512061231 stat :DELIVRD",
            b"id:1,submit date:2512061230,done date:2512061231,stat:DELIVRD,",
            b"id:1;submit date:2512061230;done date:2512061231;stat:DELIVRD;",
            b"id:1|submit date:2512061230|done date:2512061231|stat:DELIVRD",
            b"id:1\nsubmit date:2512061230\r\ndone date:2512061231\nstat:DELIVRD\r\n",
            b"id:1\0 submit date:2512061230\0 done date:2512061231\0 stat:DELIVRD\0",
            b" id:1  submit date:2512061230  done date:2512061231 stat:DELIVRD x:y",
            b"Is id:1 submit date:2512061230 done date:2512061231 stat:DELIVRD id:2",
        ],
    )
    def test_ways_to_write_it(self, text: bytes) -> None:
        found = read(text)
        assert found.message_id == "1"
        assert found.submit_date == "2512061230"
        assert found.done_date == "2512061231"
        assert found.stat == "DELIVRD"
        assert found.state is ReceiptState.DELIVERED

    @pytest.mark.parametrize(
        "date",
        [
            "2512061230",
            "251206123059",
            "251206123059123",
            "20251206123059",
            "0000000000",
            "2025-12-06 12:30:59",
            "2025-12-06T12:30:59.123Z",
            "251206123059012+",
        ],
    )
    def test_dates_stay_as_they_are(self, date: str) -> None:
        found = read(f"id:1 submit date:{date} done date:{date} stat:DELIVRD".encode())
        assert found.submit_date == date
        assert found.done_date == date

    def test_text_may_contain_keys_again(self) -> None:
        found = read(b"id:1 stat:DELIVRD err:000 text:id:2 stat:EXPIRED err:9 text:no")
        assert found.message_id == "1"
        assert found.stat == "DELIVRD"
        assert found.err == "000"
        assert found.text == "id:2 stat:EXPIRED err:9 text:no"

    def test_text_may_contain_keys_that_are_missing(self) -> None:
        found = read(b"id:1 stat:DELIVRD text:sub: yes, err:something long, id:x")
        assert found.sub == ""
        assert found.err == ""
        assert found.text == "sub: yes, err:something long, id:x"

    def test_key_within_a_word_is_none(self) -> None:
        found = read(b"paid:7 id:1 restat:X stat:DELIVRD")
        assert found.message_id == "1"
        assert found.stat == "DELIVRD"

    def test_id_with_an_underscore(self) -> None:
        assert read(b"id:a_b@c$1 stat:DELIVRD").message_id == "a_b@c$1"

    def test_long_id(self) -> None:
        assert read(b"id:" + b"9" * 64 + b" stat:DELIVRD").message_id == "9" * 64


class TestCharsets:
    @pytest.mark.parametrize("data_coding", [8, 0x18])
    @pytest.mark.parametrize("esm_class", [0, 4])
    def test_ucs2(self, data_coding: int, esm_class: int) -> None:
        text = APPENDIX_B.decode().replace("Hello", "Привет").encode("utf-16-be")
        found = read(text, esm_class=esm_class, data_coding=data_coding)
        assert found.message_id == "0123456789"
        assert found.state is ReceiptState.DELIVERED
        assert found.text.startswith("Привет, this")

    def test_ucs2_that_data_coding_does_not_tell(self) -> None:
        text = APPENDIX_B.decode().encode("utf-16-be")
        assert read(text, data_coding=0).message_id == "0123456789"

    def test_ascii_that_data_coding_calls_ucs2(self) -> None:
        assert read(APPENDIX_B, data_coding=8).message_id == "0123456789"
        assert read(b"stat:DELIVRD id:1", data_coding=8).message_id == "1"

    def test_cyrillic_by_iso_8859_5(self) -> None:
        found = read(b"id:1 stat:DELIVRD text:\xbf\xe0\xd8", data_coding=6)
        assert found.text == "При"

    def test_binary_by_name_only(self) -> None:
        assert read(b"stat:DELIVRD id:1", data_coding=4).message_id == "1"

    def test_behind_a_user_data_header(self) -> None:
        header = bytes.fromhex("05 00 03 cc 01 01")
        assert read(header + APPENDIX_B, esm_class=0x44).message_id == "0123456789"
        text = APPENDIX_B.decode().encode("utf-16-be")
        found = read(header + text, esm_class=0x44, data_coding=8)
        assert found.message_id == "0123456789"

    def test_broken_user_data_header(self) -> None:
        assert read(b"stat:DELIVRD id:1", esm_class=0x44).message_id == "1"


HOSTILE = [
    b"id:" + b" " * 65_000,
    b"id:" * 21_000,
    b"id :" * 16_000,
    b"submit " * 9_000,
    b"submit date:" + b"1" * 65_000,
    b"done date:" + b"1 1:" * 16_000,
    b"text:" + b"stat:" * 13_000,
    b"text:" + b"id:" * 21_000,
    b"text:" + b"id: " * 16_000,
    b"text:id:" + b"a-" * 32_000,
    b"text:id:" + b" " * 65_000,
    b"id:1 text:" + b"err:" * 16_000,
    b"id:1 text:" + b"sub:   " * 9_000,
    b"id: sub: dlvrd: submit date: done date: stat: err: text" * 1_100,
    b"id:1 sub:" * 7_000,
    (b"id:" + b"a" * 1_000) * 65,
    b"\0:" * 32_000,
    b":" * 65_000,
    b"a" * 65_535,
]


class TestHostileInput:
    @pytest.mark.parametrize("data_coding", [0, 8])
    @pytest.mark.parametrize("esm_class", [0, 4, 0x44])
    def test_64_kib_take_no_time(self, esm_class: int, data_coding: int) -> None:
        # A pattern that backtracks needs minutes for any of these; together they take
        # well under a second of this process's own time.
        begin = time.process_time()
        for text in HOSTILE:
            parse(text, esm_class=esm_class, data_coding=data_coding)
        assert time.process_time() - begin < 10

    @given(
        st.binary(max_size=300)
        | st.lists(
            st.sampled_from(
                b"id: stat: text: err: sub: submitdate: donedate: dlvrd:".split()
                + b"DELIVRD 1 2512061230 \0 \xff \xd8 : \xe9".split()
                + [b" "]
            ),
            max_size=30,
        ).map(b"".join),
        st.integers(0, 255),
        st.integers(0, 255),
        st.lists(
            st.tuples(
                st.sampled_from(
                    [
                        RECEIPTED_MESSAGE_ID,
                        MESSAGE_STATE,
                        MESSAGE_PAYLOAD,
                        NETWORK_ERROR_CODE,
                        0x1400,
                    ]
                ),
                st.binary(max_size=20),
            ),
            max_size=4,
        ).map(tuple),
    )
    def test_never_raises(
        self, text: bytes, esm_class: int, data_coding: int, tlvs: Tlvs
    ) -> None:
        found = parse(text, esm_class=esm_class, data_coding=data_coding, tlvs=tlvs)
        assert found is None or isinstance(found.message_id, str)
        payload = DataSm(esm_class=esm_class, data_coding=data_coding, tlvs=tlvs)
        receipt.parse(payload)
        if found is not None:
            receipt.parse_date(found.done_date)
            receipt.canonical_id(found.message_id)


class TestBuildText:
    def test_is_appendix_b(self) -> None:
        built = receipt.build_text(
            "0123456789",
            "DELIVRD",
            submit_date=datetime(2025, 12, 6, 12, 30, 59, tzinfo=UTC),
            done_date=datetime(2025, 12, 6, 12, 31, tzinfo=UTC),
            text="Hello, this is a test of a message that is longer",
        )
        assert built == APPENDIX_B

    def test_all_of_it(self) -> None:
        built = receipt.build_text(
            "x",
            "UNDELIV",
            submit_date=datetime(2025, 1, 2, 3, 4, tzinfo=UTC),
            done_date=datetime(2025, 1, 2, 3, 5, tzinfo=UTC),
            err="00A",
            sub="002",
            dlvrd="000",
            text="жé",
        )
        assert built == (
            b"id:x sub:002 dlvrd:000 submit date:2501020304 done date:2501020305"
            b" stat:UNDELIV err:00A text:?\xe9"
        )


class TestParseDate:
    @pytest.mark.parametrize(
        ("value", "date"),
        [
            ("2512061230", datetime(2025, 12, 6, 12, 30)),  # noqa: DTZ001  no zone
            ("251206123059", datetime(2025, 12, 6, 12, 30, 59)),  # noqa: DTZ001
            ("2512061230597", datetime(2025, 12, 6, 12, 30, 59, 700_000)),  # noqa: DTZ001
            ("251206123059123", datetime(2025, 12, 6, 12, 30, 59, 123_000)),  # noqa: DTZ001
            ("251206123059.123", datetime(2025, 12, 6, 12, 30, 59, 123_000)),  # noqa: DTZ001
            ("202512061230", datetime(2025, 12, 6, 12, 30)),  # noqa: DTZ001
            ("20251206123059", datetime(2025, 12, 6, 12, 30, 59)),  # noqa: DTZ001
            ("20251206123059123", datetime(2025, 12, 6, 12, 30, 59, 123_000)),  # noqa: DTZ001
            ("2025-12-06 12:30:59", datetime(2025, 12, 6, 12, 30, 59)),  # noqa: DTZ001
            (" 2512061230 ", datetime(2025, 12, 6, 12, 30)),  # noqa: DTZ001
            ("2025-12-06T12:30:59Z", datetime(2025, 12, 6, 12, 30, 59, tzinfo=UTC)),
            (
                "251206123059012+",
                datetime(2025, 12, 6, 12, 30, 59, tzinfo=timezone(timedelta(hours=3))),
            ),
            (
                "251206123059012-",
                datetime(2025, 12, 6, 12, 30, 59, tzinfo=timezone(timedelta(hours=-3))),
            ),
        ],
    )
    def test_dates(self, value: str, date: datetime) -> None:
        parsed = receipt.parse_date(value)
        assert parsed == date
        assert parsed.tzinfo == date.tzinfo

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "0000000000",
            "000000000000",
            "2513011230",
            "2502301230",
            "123",
            "1" * 40,
            "yesterday",
            "-",
            "--",
            "2025-13-01",
            "²512061230",
            "000001000000000R",
        ],
    )
    def test_no_dates(self, value: str) -> None:
        assert receipt.parse_date(value) is None

    @given(st.text(max_size=25) | st.text("0123456789-:T +Z.", max_size=25))
    def test_never_raises(self, value: str) -> None:
        parsed = receipt.parse_date(value)
        assert parsed is None or isinstance(parsed, datetime)


UUID_WITH_ZERO = "0e999f21-7d1b-4f0e-9c57-2b1d7c0a4f11"


class TestIds:
    @pytest.mark.parametrize(
        ("message_id", "canonical"),
        [
            ("0123", "123"),
            ("00AbC", "abc"),
            ("000", "0"),
            ("0", "0"),
            ("", ""),
            (" 12 ", "12"),
            ("ABC-1", "abc-1"),
            ("007-x", "007-x"),
            ("0xyz", "0xyz"),
            (UUID_WITH_ZERO.upper(), UUID_WITH_ZERO),
            (UUID(UUID_WITH_ZERO).hex, UUID(UUID_WITH_ZERO).hex),
            ("0" * 40 + "7", "7"),
            ("0" + "9" * 40, "9" * 40),  # a decimal number of any length
            ("0" + "f" * 20, "f" * 20),
            ("0" + "f" * 21, "0" + "f" * 21),
            ("٠١٢", "٠١٢"),
        ],
    )
    def test_canonical_id(self, message_id: str, canonical: str) -> None:
        assert receipt.canonical_id(message_id) == canonical
        assert receipt.canonical_id(canonical) == canonical

    @pytest.mark.parametrize(
        ("message_id", "converted"),
        [
            ("1046379029", "3e5e7a15"),
            ("0010", "a"),
            ("0", "0"),
            ("18446744073709551615", "f" * 16),
            ("9" * 24, f"{10**24 - 1:x}"),
            ("0" * 5_000 + "16", "10"),
            ("9" * 25, None),
            ("9" * 65_000, None),
            ("12ab", None),
            ("", None),
            ("-1", None),
            ("1_0", None),
            ("٣", None),
            (UUID_WITH_ZERO, None),
        ],
    )
    def test_as_hex(self, message_id: str, converted: str | None) -> None:
        assert receipt.as_hex(receipt.canonical_id(message_id)) == converted

    @pytest.mark.parametrize(
        ("message_id", "converted"),
        [
            ("3E5E7A15", "1046379029"),
            ("000a", "10"),
            ("10", "16"),
            ("0", "0"),
            ("f" * 16, "18446744073709551615"),
            ("F" * 20, str(16**20 - 1)),
            ("0" * 5_000 + "f", "15"),
            ("f" * 21, None),
            ("f" * 65_000, None),
            ("xyz", None),
            ("0x10", None),
            ("", None),
            (UUID_WITH_ZERO, None),
            (UUID(UUID_WITH_ZERO).hex, None),
        ],
    )
    def test_as_decimal(self, message_id: str, converted: str | None) -> None:
        assert receipt.as_decimal(receipt.canonical_id(message_id)) == converted

    @given(st.integers(0, 10**24 - 1), st.integers(0, 10))
    def test_either_base_finds_the_other(self, number: int, zeros: int) -> None:
        decimal, hexadecimal = str(number), f"{number:x}"
        canonical = receipt.canonical_id
        assert receipt.as_hex(canonical("0" * zeros + decimal)) == hexadecimal
        upper = "0" * zeros + hexadecimal.upper()
        assert receipt.as_decimal(canonical(upper)) == decimal
        assert canonical("0" * zeros + hexadecimal) == hexadecimal
