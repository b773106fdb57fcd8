"""Callbacks of smsc, and messages that are asked for."""

import json
from collections.abc import Mapping
from hashlib import md5, sha1
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.bridge.base import CallbackRequest, Mo, News, Pushed, Reply
from esmed.models import Fault, FaultClass, MessageState
from esmed.providers.smsc import Config, create
from esmed.secret import Secret

NOW = 1_679_060_000_000
HOUR = 3_600_000
TO = "79999999999"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
WORD = "слово"
URLS = ("https://smsc.ua",)
TRUSTING = create(Config(base_urls=URLS, api_key=Secret("key")))
CHECKING = create(
    Config(base_urls=URLS, api_key=Secret("key"), callback_word=Secret(WORD))
)
STATUS = {"id": ID, "phone": TO, "status": "1", "type": "0", "ts": "1679060876"}
REPLY = {"phone": TO, "mes": "Привет, мир", "to": "79990000000", "ts": "1679060876"}
CALL = {"waitcall": "1", "phone": TO, "ts": "1679060876"}


def pushed(
    body: bytes | str,
    *,
    query: str = "",
    content_type: str = "application/x-www-form-urlencoded",
    checking: bool = False,
    kind: str = "status",
) -> Pushed:
    request = CallbackRequest(
        method="POST",
        query=query.encode(),
        headers={"content-type": content_type} if content_type else {},
        body=body.encode() if isinstance(body, str) else body,
    )
    return (CHECKING if checking else TRUSTING).parse_push(kind, request, NOW)


def form(fields: Mapping[str, str], charset: str = "utf-8") -> str:
    return urlencode(fields, encoding=charset)


def signed(fields: Mapping[str, str], charset: str = "utf-8") -> dict[str, str]:
    names = ["id", "phone", "status"]
    if "mes" in fields:
        names = ["phone", "mes", "to"]
    elif "waitcall" in fields:
        names = ["phone", "ts"]
    text = ":".join([*(fields[name] for name in names), WORD])
    return {**fields, "md5": md5(text.encode(charset)).hexdigest()}  # noqa: S324


def news(found: Pushed) -> News:
    (item,) = found.items
    assert isinstance(item, News)
    return item


def mo(found: Pushed) -> Mo:
    (item,) = found.items
    assert isinstance(item, Mo)
    return item


# --- states --------------------------------------------------------------------------


def test_a_status_as_a_form() -> None:
    found = pushed(form(STATUS))
    assert (found.reply.status, found.reply.body) == (200, b"OK")
    item = news(found)
    assert item.ids == (f"{ID}/{TO}",)
    assert (item.state, item.stat) == (MessageState.DELIVERED, "1")
    assert item.done_at == 1_679_060_876_000


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps({**STATUS, "status": 20, "err": 11}), "application/json"),
        (json.dumps([{**STATUS, "status": "20", "err": "11"}]), ""),
        (
            (
                '<?xml version="1.0" encoding="windows-1251"?><r>'
                f"<id>{ID}</id><phone>+{TO}</phone><status>20</status><err>11</err></r>"
            ),
            "text/xml",
        ),
        (form({**STATUS, "status": "20", "err": "11"}), ""),
    ],
    ids=["json", "a list", "xml", "form"],
)
def test_in_every_format(body: str, content_type: str) -> None:
    item = news(pushed(body, content_type=content_type))
    assert (item.ids, item.state) == ((f"{ID}/{TO}",), MessageState.UNDELIVERABLE)
    assert (item.stat, item.err) == ("20", "11")


def test_as_a_query() -> None:
    found = pushed(b"", query=form(STATUS), content_type="")
    assert news(found).ids == (f"{ID}/{TO}",)


@pytest.mark.parametrize("status", ["0", "-1", "-2", "99", ""])
def test_what_is_still_on_its_way_is_answered_all_the_same(status: str) -> None:
    """0 and -1 are statuses, and signed like the others."""
    found = pushed(form(signed({**STATUS, "status": status})), checking=True)
    assert (list(found.items), found.reply.status) == ([], 200)


def test_the_operator_keeps_trying() -> None:
    item = news(pushed(form({**STATUS, "status": "0", "err": "6"})))
    assert item.state is MessageState.BUFFERED


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ID, "phone": TO},
        {"phone": TO, "status": "1"},
        {"id": ID, "status": "1"},
        {"id": ID, "phone": "somebody@example.org", "status": "1"},
        CALL,
        {"new": "event"},
        {"phone": "", "mes": "Hello"},
    ],
)
def test_what_is_not_about_a_message_is_taken(fields: dict[str, str]) -> None:
    found = pushed(form(fields))
    assert (list(found.items), found.reply.status) == ([], 200)


def test_one_broken_entry_costs_itself() -> None:
    body = json.dumps([{"status": 1}, STATUS, 7, {**STATUS, "phone": "71"}])
    found = pushed(body, content_type="application/json")
    assert (len(found.items), found.broken) == (2, 2)


def test_what_is_no_object_costs_the_signed_ones_nothing() -> None:
    body = json.dumps([5, signed(STATUS), "x", None])
    found = pushed(body, checking=True)
    assert (len(found.items), found.reply.status, found.broken) == (1, 200, 3)


@pytest.mark.parametrize("body", ['{"id": 1', "<r><id>", "[1, 2"])
def test_what_is_cut_off_is_to_come_again(body: str) -> None:
    found = pushed(body)
    assert (list(found.items), found.reply.status, found.broken) == ([], 400, 1)


@pytest.mark.parametrize("lacking", ["id", "phone", "status"])
def test_what_is_about_nobody_is_broken(lacking: str):
    fields = {name: each for name, each in STATUS.items() if name != lacking}
    found = pushed(urlencode(fields))
    assert (list(found.items), found.reply.status, found.broken) == ([], 200, 1)


@pytest.mark.parametrize("fields", [STATUS, {**STATUS, "status": "0"}, REPLY, CALL])
def test_what_is_understood_is_not_broken(fields: Mapping[str, str]):
    assert not pushed(urlencode(fields)).broken


# --- signatures ----------------------------------------------------------------------


@pytest.mark.parametrize("fields", [STATUS, REPLY, CALL])
def test_a_signature_of_each_kind(fields: dict[str, str]) -> None:
    assert pushed(form(signed(fields)), checking=True).reply.status == 200
    wrong = {**signed(fields), "phone": "71"}
    found = pushed(form(wrong), checking=True)
    assert (list(found.items), found.reply.status) == ([], 403)


@pytest.mark.parametrize("charset", ["utf-8", "cp1251", "koi8-r"])
def test_a_word_in_whatever_charset(charset: str) -> None:
    """A status is all digits, so that nothing tells."""
    found = pushed(form(signed(STATUS, charset)), checking=True)
    assert found.reply.status == 200


def test_by_sha1() -> None:
    text = f"{ID}:{TO}:1:{WORD}".encode()
    fields = {**STATUS, "sha1": sha1(text).hexdigest().upper()}  # noqa: S324
    assert pushed(form(fields), checking=True).reply.status == 200


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"md5": ""},
        {"md5": "0" * 32},
        {"md5": "не то"},
        {"crc32": "12345678"},
        {"sha1": "0" * 40, "md5": signed(STATUS)["md5"]},
    ],
)
def test_no_signature_that_counts(more: dict[str, str]) -> None:
    assert pushed(form({**STATUS, **more}), checking=True).reply.status == 403


def test_the_flag_in_our_own_address_is_no_signature() -> None:
    fields = signed(STATUS)
    query = "charset=utf-8&md5"
    assert pushed(form(fields), query=query, checking=True).reply.status == 200
    assert pushed(form(STATUS), query=query, checking=True).reply.status == 403


def test_one_of_several_is_not_signed() -> None:
    body = json.dumps([signed(STATUS), STATUS])
    assert pushed(body, checking=True).reply.status == 403


@pytest.mark.parametrize("charset", ["cp1251", "utf-8"])
def test_json_of_either_charset_is_signed_in_it(charset: str) -> None:
    text = json.dumps(signed(REPLY, charset), ensure_ascii=False)
    found = pushed(text.encode(charset), checking=True)
    assert mo(found).text == "Привет, мир"


# --- messages from subscribers -------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "query", "content_type"),
    [
        ("utf-8", "", ""),
        ("utf-8", "charset=utf-8", ""),
        ("cp1251", "", "application/x-www-form-urlencoded"),
        ("cp1251", "charset=windows-1251", ""),
        ("koi8-r", "charset=koi8-r", ""),
        ("cp1251", "", "application/x-www-form-urlencoded; charset=windows-1251"),
    ],
)
@pytest.mark.parametrize("kind", ["status", "mo"])
def test_a_reply_in_every_charset(
    charset: str, query: str, content_type: str, kind: str
) -> None:  # Q-SC-4
    found = pushed(
        form(signed(REPLY, charset), charset),
        query=query,
        content_type=content_type,
        checking=True,
        kind=kind,
    )
    item = mo(found)
    assert (item.source, item.destination) == (TO, "79990000000")
    assert item.text == "Привет, мир"


def test_a_repetition_has_the_same_id() -> None:
    first, again = mo(pushed(form(REPLY))), mo(pushed(json.dumps(REPLY)))
    assert first.id == again.id != ""
    assert mo(pushed(form({**REPLY, "ts": "1679060877"}))).id != first.id


def test_without_a_time_nothing_is_a_repetition() -> None:
    fields = {name: value for name, value in REPLY.items() if name != "ts"}
    assert mo(pushed(form(fields))).id == ""


def test_blanks_and_emoji_survive() -> None:
    text = "  привіт 👍\n"
    assert mo(pushed(form({**REPLY, "mes": text}))).text == text


@given(body=st.binary(max_size=300), query=st.binary(max_size=30))
def test_nothing_is_ever_raised(body: bytes, query: bytes) -> None:
    for provider in (TRUSTING, CHECKING):
        request = CallbackRequest(method="POST", query=query, headers={}, body=body)
        provider.parse_push("status", request, NOW)


# --- get.php -------------------------------------------------------------------------


class TestPull:
    @pytest.mark.parametrize(
        ("since", "hours"),
        [(NOW, 1), (NOW - HOUR, 1), (NOW - HOUR - 1, 2), (0, 168), (NOW + 5, 1)],
    )
    def test_the_question(self, since: int, hours: int) -> None:
        call = TRUSTING.build_pull(since, NOW)
        assert (call.operation, call.path) == ("incoming", "/sys/get.php")
        found = dict(parse_qsl(call.body.decode()))
        assert found == {
            "apikey": "key",
            "get_answers": "1",
            "cnt": "10000",
            "hour": str(hours),
            "charset": "utf-8",
            "fmt": "3",
        }

    def test_only_if_it_is_configured(self) -> None:
        config = Config(base_urls=URLS, api_key=Secret("key"), pull_every=30.0)
        assert create(config).pull_every == 30.0
        assert TRUSTING.pull_every is None

    @pytest.mark.parametrize(
        "body",
        [
            (
                '[{"id": 48583869, "received": "17.03.2023 16:47:56", "phone": '
                '"79999999999", "message": "Так, гаразд", "to_phone": "79990000000", '
                '"sent": "17.03.2023 16:47:50"}]'
            ),
            (
                "id = 48583869, received = 17.03.2023 16:47:56, phone = 79999999999, "
                "message = Так, гаразд, to_phone = 79990000000, "
                "sent = 17.03.2023 16:47:50"
            ),
        ],
        ids=["3", "0"],
    )
    def test_a_message(self, body: str) -> None:
        found = TRUSTING.parse_pull(Reply(status=200, body=body.encode()))
        assert found == [
            Mo(
                id="48583869",
                source="79999999999",
                destination="79990000000",
                text="Так, гаразд",
            )
        ]

    def test_none(self) -> None:
        assert TRUSTING.parse_pull(Reply(status=200, body=b"[]")) == []

    def test_one_without_a_sender_costs_itself(self) -> None:
        body = b'[{"id": 1, "message": "?"}, {"phone": "71", "message": 5}, 8]'
        found = TRUSTING.parse_pull(Reply(status=200, body=body))
        assert found == [Mo(id="", source="71", destination="", text="5")]

    @pytest.mark.parametrize(
        ("body", "cls", "code"),
        [
            ('{"error": "x", "error_code": 9}', FaultClass.TEMPORARY, 9),
            ("0,-2", FaultClass.ACCOUNT, 2),
            ("", FaultClass.TEMPORARY, 200),
            ("{}", FaultClass.TEMPORARY, 200),
            ("<html></html>", FaultClass.TEMPORARY, 200),
        ],
    )
    def test_a_fault(self, body: str, cls: FaultClass, code: int) -> None:
        found = TRUSTING.parse_pull(Reply(status=200, body=body.encode()))
        assert isinstance(found, Fault)
        assert (found.cls, found.code) == (cls, code)
