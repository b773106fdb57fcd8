"""`esmed.providers.smstraffic`: messages, states and replies.

The bodies in vectors/smstraffic are those of technical description 2.3, the quirks
(Q-ST-…) are told in docs/connectors/smstraffic.md.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from providers.smstraffic import NOW, VECTORS, provider, reply, vector

from esmed.bridge.base import (
    Answer,
    CallbackRequest,
    HttpCall,
    Mo,
    News,
    Outgoing,
    Provider,
    Reply,
)
from esmed.connector import Sent
from esmed.errors import ConfigError
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Outcome,
    Rejected,
    Request,
    Unknown,
)

ID = "2de9efa4-3ee7-4691-bec0-81d93c5a54cf"
KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR"


@pytest.fixture
def account() -> Provider:
    return provider()


def message(
    *,
    text: str = "Hello",
    to: str = "78000000001",
    id: str = ID,  # noqa: A002 - the field's name
    sender: str | None = "Originator",
    left: int = 86_400,
    send_at: int | None = None,
) -> Outgoing:
    request = Request(to=to, text=text, from_=sender, send_at=send_at)
    expires_at = max(NOW, send_at or 0) + left * 1000
    return Outgoing(id=id, request=request, sender=sender, expires_at=expires_at)


def refused(code: object, said: str = "…") -> Mapping[str, Any]:
    return {"success": False, "error": {"code": code, "message": said}}


def body_of(call: Any) -> Any:
    assert isinstance(call, HttpCall)
    return json.loads(call.body)


def only(outcomes: Sequence[Outcome | None]) -> Outcome | None:
    (outcome,) = outcomes
    return outcome


def outcome_of(account: Provider, answer: Reply) -> Outcome | None:
    return only(account.parse([message()], answer, NOW).outcomes)


# --- sending


def test_a_message_as_the_description_writes_it(account: Provider) -> None:
    call = account.build([message(text="Hello, [[name]]!")], NOW)
    assert isinstance(call, HttpCall)
    assert (call.method, call.path) == ("POST", "/v2/send")
    assert call.headers["Authorization"] == f"Bearer {KEY}"
    assert call.headers["Content-Type"] == "application/json"
    written = body_of(call)
    sample = json.loads(vector("send_request.json"))
    sample["destinations"] = sample["destinations"][:1]
    del sample["destinations"][0]["params"]
    # Only where somebody wants them: cutting, names and times of campaigns.
    del sample["channels"]["sms"]["maxParts"]
    for name in ("trackingData", "scheduling", "batchName"):
        del sample[name]
    assert written == {**sample, "restrictiveId": ID}


def test_the_guard_against_duplicates_is_the_id_of_the_message(
    account: Provider,
) -> None:
    written = body_of(account.build([message()], NOW))
    assert written["restrictiveId"] == written["destinations"][0]["trackingData"] == ID
    assert len(ID) == 36  # what it may be at most
    assert account.traits.batch == 1
    assert account.group(message()) != account.group(message(id="other"))


@pytest.mark.parametrize(
    "text", ["Привет, мир", "€ [] {} ~", "😀 \u200d", 'q"\\\n\t&<>', "\u2028"]
)
def test_every_text_arrives(account: Provider, text: str) -> None:
    assert account.refusal(Request(to="78000000001", text=text)) is None
    written = body_of(account.build([message(text=text)], NOW))
    assert written["channels"]["sms"]["message"] == text


def test_the_number_is_a_number_and_exact(account: Provider) -> None:
    call = account.build([message(to="99999999999999999999")], NOW)
    assert isinstance(call, HttpCall)
    assert b'"to":99999999999999999999' in call.body


def test_without_a_sender_it_is_the_accounts_own(account: Provider) -> None:
    assert "originator" not in body_of(account.build([message(sender=None)], NOW))


@pytest.mark.parametrize(
    ("left", "timeout"), [(60, 60), (86_400, 86_400), (200_000, 86_400), (0, 1)]
)
def test_the_validity_is_handed_over(
    account: Provider, left: int, timeout: int
) -> None:
    written = body_of(account.build([message(left=left)], NOW))
    assert written["channels"]["sms"]["timeout"] == timeout


def test_q_st_2_the_validity_need_not_be_handed_over() -> None:
    account = provider(send_timeout=False)
    written = body_of(account.build([message()], NOW))
    assert "timeout" not in written["channels"]["sms"]


@pytest.mark.parametrize("field", ["startDateTime", "startTime"])
def test_q_st_1_the_start_has_the_name_that_is_configured(field: str) -> None:
    account = provider(schedule_field=field)
    assert account.traits.schedules
    later = message(send_at=NOW + 3_600_000)
    assert body_of(account.build([later], NOW))["scheduling"] == {
        field: "2025-01-01T07:20:00+00:00",
        "localtime": False,
    }
    assert "scheduling" not in body_of(account.build([later], NOW + 3_600_000))
    assert "scheduling" not in body_of(account.build([message()], NOW))


def test_q_st_1_by_default_we_keep_messages_until_it_is_time(account: Provider) -> None:
    assert not account.traits.schedules
    later = message(send_at=NOW + 3_600_000)
    assert "scheduling" not in body_of(account.build([later], NOW + 3_600_000))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request(to="78000000001", data=b"\x01", encoding="binary"), "data"),
        (Request(to="78000000001", text=""), "text"),
        (Request(to="78000000001", text="x", encoding="latin1"), "encoding"),
        (Request(to="78000000001", text="x", flash=True), "flash"),
        (Request(to="78000000001", text="x", tlvs={"0x1403": "00"}), "tlvs"),
        (Request(to="0611", text="x"), "to"),
    ],
)
def test_what_the_protocol_cannot_express(
    account: Provider, request_: Request, field: str
) -> None:
    fault = account.refusal(request_)
    assert fault is not None
    assert (fault.cls, fault.code) == (FaultClass.MESSAGE, field)


def test_the_same_message_gives_the_same_octets(account: Provider) -> None:
    assert account.build([message()], NOW) == account.build([message()], NOW)


# --- answers


def test_the_sample_answer(account: Provider) -> None:
    answer = reply(vector("accepted.json"))
    first = account.parse([message()], answer, NOW)
    assert first.outcomes == [Accepted("1046379029789147161")]
    # Q-ST-9: it has an id, and was refused all the same.
    second = message(to="78000000002", id="another")
    (outcome,) = account.parse([second], answer, NOW).outcomes
    assert isinstance(outcome, Rejected)
    assert (outcome.fault.cls, outcome.fault.code) == (FaultClass.MESSAGE, 432)
    assert "78000000002" not in repr(outcome)


def test_trouble_with_one_recipient_is_over_in_an_hour(account: Provider) -> None:
    """Before that the same message would count as a duplicate."""
    error = {"code": 1000, "message": ""}
    told = {"phone": 78000000001, "id": "1", "error": error}
    answer = reply({"success": True, "destinations": [told]})
    outcome = outcome_of(account, answer)
    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == 3600


def test_it_is_found_by_its_mark_where_the_number_was_converted(
    account: Provider,
) -> None:
    told = {"phone": 79851234567, "id": "7", "trackingData": ID}
    answer = reply({"success": True, "destinations": [told]})
    moscow = message(to="74951234567")
    assert only(account.parse([moscow], answer, NOW).outcomes) == Accepted("7")


@pytest.mark.parametrize("phone", [78000000001, "78000000001", "+78000000001"])
def test_it_is_found_by_its_number(account: Provider, phone: object) -> None:
    others = [{"phone": 79990000000, "id": "1"}, "broken", {"id": []}]
    told = [*others, {"phone": phone, "id": "2"}]
    answer = reply({"success": True, "destinations": told})
    assert outcome_of(account, answer) == Accepted("2")


def test_ids_beyond_2_to_53_stay_exact(account: Provider) -> None:
    for written in (b'"18446744073709551615"', b"18446744073709551615"):
        body = b'{"success":true,"more":[],"destinations":[{"phone":78000000001,"id":'
        answer = reply(body + written + b',"new":{}}]}')
        assert outcome_of(account, answer) == Accepted("18446744073709551615")


@pytest.mark.parametrize("missing", [None, "", [], True])
def test_taken_without_an_id_it_is_known_by_its_mark(
    account: Provider, missing: object
) -> None:
    told = {"phone": 78000000001, "id": missing}
    answer = reply({"success": True, "destinations": [told]})
    assert outcome_of(account, answer) == Accepted(f"tracking:{ID}")


@pytest.mark.parametrize(
    "destinations", [None, [], {}, "x", [None], [{"phone": 79990000000, "id": "1"}]]
)
def test_an_answer_about_others_says_nothing(
    account: Provider, destinations: object
) -> None:
    answer = reply({"success": True, "destinations": destinations})
    assert isinstance(outcome_of(account, answer), Unknown)


def test_a_duplicate_was_taken_before(account: Provider) -> None:
    taken = Accepted(f"tracking:{ID}")
    answer = reply(vector("duplicate.json"))
    assert outcome_of(account, answer) == taken
    assert only(account.parse_recheck([message()], answer, NOW)) == taken


def test_q_st_6_what_is_no_duplicate_was_not_taken(account: Provider) -> None:
    outcome = outcome_of(account, reply(vector("statuses_refused.json")))
    assert isinstance(outcome, Rejected)
    assert (outcome.fault.cls, outcome.fault.code) == (FaultClass.PROTOCOL, 105)


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (415, FaultClass.ACCOUNT),
        (403, FaultClass.ACCOUNT),
        (419, FaultClass.ACCOUNT),
        (420, FaultClass.MESSAGE),
        (429, FaultClass.MESSAGE),
        (103, FaultClass.PROTOCOL),
        ("415", FaultClass.ACCOUNT),
        (499, FaultClass.MESSAGE),
    ],
)
def test_refused_as_a_whole(
    account: Provider, code: int | str, cls: FaultClass
) -> None:
    answer = account.parse([message()], reply(refused(code, "Access denied")), NOW)
    (outcome,) = answer.outcomes
    assert isinstance(outcome, Rejected)
    assert (outcome.fault.cls, outcome.fault.code) == (cls, int(code))
    assert not answer.elsewhere


def test_a_forbidden_sender(account: Provider) -> None:
    for sender, cls in (("Me", FaultClass.MESSAGE), (None, FaultClass.ACCOUNT)):
        (outcome,) = account.parse(
            [message(sender=sender)], reply(refused(436)), NOW
        ).outcomes
        assert isinstance(outcome, Rejected)
        assert outcome.fault.cls is cls


def test_trouble_of_one_node_is_another_nodes_chance(account: Provider) -> None:
    answer = account.parse([message()], reply(refused(1000)), NOW)
    assert answer.elsewhere
    outcome = only(answer.outcomes)
    assert isinstance(outcome, Deferred)
    assert (outcome.fault.cls, outcome.fault.code) == (FaultClass.TEMPORARY, 1000)


def test_an_address_that_one_node_does_not_know(account: Provider) -> None:
    answer = account.parse([message()], reply(refused(412)), NOW)
    assert answer.elsewhere
    outcome = only(answer.outcomes)
    assert isinstance(outcome, Rejected)
    assert outcome.fault.cls is FaultClass.ACCOUNT


@pytest.mark.parametrize(
    "error", [None, {}, "no", {"code": None}, {"code": True}, {"code": "E1"}]
)
def test_refused_without_a_reason(account: Provider, error: object) -> None:
    outcome = outcome_of(account, reply({"success": False, "error": error}))
    assert isinstance(outcome, Rejected)
    assert outcome.fault.cls is FaultClass.PROTOCOL


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"success": true, "destin',
        b"[]",
        b"null",
        b"{}",
        b'{"destinations": [{"phone": 78000000001, "id": "1"}]}',
        b'{"success": "yes"}',
        '{"success": true}'.encode("utf-16"),
        b'{"success": true, "x": "\xef\xf0"}',
        b"[" * 100_000,
        b" " * (10 * 2**20),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_answer_leaves_it_open(account: Provider, body: bytes) -> None:
    assert isinstance(outcome_of(account, reply(body)), Unknown)
    assert only(account.parse_recheck([message()], reply(body), NOW)) is None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Rejected),
        (401, Rejected),
        (403, Rejected),
        (404, Rejected),
        (302, Rejected),
        (408, Deferred),
        (429, Deferred),
        (500, Unknown),
        (502, Unknown),
        (503, Unknown),
    ],
)
def test_statuses_of_http(account: Provider, status: int, outcome: type) -> None:
    for body in (b"", b"<html>", json.dumps(refused(status, "x")).encode()):
        found = outcome_of(account, reply(body, status))
        assert isinstance(found, outcome)
        if status in {401, 403}:
            assert isinstance(found, Rejected)
            assert found.fault.cls is FaultClass.ACCOUNT


def test_a_body_counts_even_if_the_status_is_an_error(account: Provider) -> None:
    answer = account.parse([message()], reply(refused(1000), 503), NOW)
    assert answer.elsewhere
    assert isinstance(only(answer.outcomes), Deferred)


@pytest.mark.parametrize(
    ("said", "pause"),
    [("7", 7.0), ("Wed, 01 Jan 2025 06:21:00 GMT", 60.0), ("soon", 5.0)],
)
def test_too_many_requests_pause_us(account: Provider, said: str, pause: float) -> None:
    answer = account.parse([message()], reply(b"", 429, retry_after=said), NOW)
    assert answer.pause == pause
    # Q-ST-8: the number 429 of the API says something else.
    both = reply(refused(429, "unsupported operator"), 429, retry_after=said)
    assert account.parse([message()], both, NOW).pause == pause
    assert account.parse([message()], reply(b"", 429), NOW).pause > 0


# --- rechecks


def test_a_recheck_is_the_same_request(account: Provider) -> None:
    first = account.build([message()], NOW)
    again = account.build_recheck([message()], NOW)
    assert isinstance(first, HttpCall)
    assert (again.path, again.body) == (first.path, first.body)


def test_a_recheck_that_sends_was_needed(account: Provider) -> None:
    answer = reply(vector("accepted.json"))
    taken = account.parse_recheck([message()], answer, NOW)
    assert taken == [Accepted("1046379029789147161")]
    # Refused at last, though for the account's sake: the next one would say 105.
    error = {"code": 419, "message": ""}
    told = {"phone": 78000000001, "id": "1", "error": error}
    now_refused = reply({"success": True, "destinations": [told]})
    assert isinstance(
        only(account.parse_recheck([message()], now_refused, NOW)), Rejected
    )


@pytest.mark.parametrize("code", [420, 432, 103])
def test_a_recheck_that_is_refused_for_the_message(
    account: Provider, code: int
) -> None:
    found = account.parse_recheck([message()], reply(refused(code)), NOW)
    assert isinstance(only(found), Rejected)


@pytest.mark.parametrize("code", [411, 415, 1000])
def test_a_recheck_that_never_came_so_far(account: Provider, code: int) -> None:
    assert account.parse_recheck([message()], reply(refused(code)), NOW) == [None]
    assert account.parse_recheck([message()], reply(b"", 429), NOW) == [None]
    assert account.parse_recheck([message()], reply(b"", 401), NOW) == [None]


# --- probes


def test_the_probe(account: Provider) -> None:
    call = account.build_probe()
    assert isinstance(call, HttpCall)
    assert (call.method, call.path, call.body) == ("GET", "/v2/account", b"")
    assert "Content-Type" not in call.headers
    assert account.parse_probe(reply(vector("account.json"))) is None


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        (reply(vector("denied.json")), FaultClass.ACCOUNT),
        (reply(b"", 401), FaultClass.ACCOUNT),
        (reply(b"", 403), FaultClass.ACCOUNT),
        (reply(refused(1000)), FaultClass.TEMPORARY),
        (reply(b"", 502), FaultClass.TEMPORARY),
        (reply(b"<html>", 200), FaultClass.TEMPORARY),
    ],
)
def test_a_probe_that_fails(account: Provider, answer: Reply, cls: FaultClass) -> None:
    fault = account.parse_probe(answer)
    assert fault is not None
    assert fault.cls is cls


# --- states that are asked for


def sent(smsc_id: str) -> Sent:
    return Sent(request=Request(to="78000000001"), host="https://api", smsc_id=smsc_id)


TRACKED = "108c3492-98ef-44b4-ab17-ee20c864584a"
FIRST, SECOND = "1046379029789147161", "1046379029789147162"


def test_the_question_for_states(account: Provider) -> None:
    call = account.build_ask([sent(FIRST), sent(f"tracking:{TRACKED}")])
    assert (call.method, call.path) == ("POST", "/v2/statuses/list")
    assert body_of(call) == {
        "ids": [FIRST],
        "trackingData": [TRACKED],
        "extendedInfo": True,
    }
    assert "trackingData" not in body_of(account.build_ask([sent(FIRST)]))
    assert "ids" not in body_of(account.build_ask([sent(f"tracking:{TRACKED}")]))


def test_the_sample_of_states(account: Provider) -> None:
    answer = reply(vector("statuses.json"))
    asked = [sent(SECOND), sent(f"tracking:{TRACKED}"), sent("7"), sent(FIRST)]
    failed, tracked, unknown, delivered = account.parse_ask(asked, answer)
    assert failed == News(
        ids=(SECOND,),
        state=MessageState.UNDELIVERABLE,
        stat="Non Delivered",
        err="3",
        reason="unknown subscriber",
        done_at=1_764_241_182_341,
    )
    assert delivered == tracked
    assert delivered == News(
        ids=(FIRST, f"tracking:{TRACKED}"),
        state=MessageState.DELIVERED,
        stat="Delivered",
        done_at=1_764_241_002_341,
    )
    assert unknown is None


@pytest.mark.parametrize("status", ["", "Acceptd", None])
def test_nothing_has_become_of_it_yet(account: Provider, status: object) -> None:
    item = {"smsId": FIRST, "status": status, "sendDate": "2025-11-27T13:56:41+03:00"}
    answer = reply({"success": True, "data": [item]})
    assert account.parse_ask([sent(FIRST)], answer) == [None]


def test_an_undocumented_reason_is_passed_on_with_its_numbers_masked(
    account: Provider,
) -> None:
    extended = {"code": 88, "description": "no route to 79161112233"}
    item = {"smsId": FIRST, "status": "Rejected", "statusExtended": extended}
    answer = reply({"success": True, "data": [item, "broken", {"smsId": {}}]})
    (news,) = account.parse_ask([sent(FIRST)], answer)
    assert isinstance(news, News)
    assert (news.err, news.reason) == ("88", "no route to 791******33")


def test_questions_that_are_refused(account: Provider) -> None:
    both = [sent(FIRST), sent(SECOND)]
    unknown = reply(refused(434))
    (fault,) = account.parse_ask(both[:1], unknown)
    assert isinstance(fault, Fault)
    assert (fault.cls, fault.code) == (FaultClass.MESSAGE, 434)
    # One of many: the others are to be asked for again.
    for fault in account.parse_ask(both, unknown):
        assert isinstance(fault, Fault)
        assert (fault.cls, fault.code) == (FaultClass.TEMPORARY, 434)
    for fault in account.parse_ask(both, reply(vector("statuses_refused.json"))):
        assert isinstance(fault, Fault)
        assert (fault.cls, fault.code) == (FaultClass.PROTOCOL, 105)
    for fault in account.parse_ask(both, reply(b"", 502)):
        assert isinstance(fault, Fault)
        assert fault.cls is FaultClass.TEMPORARY


# --- pushes


def push(body: object, kind: str = "status") -> tuple[Sequence[Any], int]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = CallbackRequest(method="POST", query=b"", headers=headers, body=raw)
    pushed = provider().parse_push(kind, request, NOW)
    assert pushed.reply.status == 200  # all else has the provider slow down
    return pushed.items, pushed.broken


PUSH: Mapping[str, Any] = json.loads(vector("push.json"))[0]


def test_the_sample_of_a_push() -> None:
    items, broken = push(vector("push.json"))
    assert items == [
        News(
            ids=("8049537157380826112", f"tracking:{ID}"),
            state=MessageState.DELIVERED,
            stat="Delivered",
            done_at=1_765_013_460_000,
            recipient="78000000001",
        )
    ]
    assert not broken


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("err_code", 1, "subscriber absent or out of coverage"),
        ("error_code", 1, "subscriber absent or out of coverage"),
        ("error_code", "17", "unroutable direction"),
        ("error_code", 432, "phone blocked"),
        ("error_code", 88, ""),
    ],
)
def test_q_st_3_both_names_of_the_error(name: str, code: object, reason: str) -> None:
    element = {k: v for k, v in PUSH.items() if k != "err_code"}
    element |= {"status": "Expired", name: code, "operator_id": 1971}
    (news,), _ = push([element])
    assert (news.state, news.err, news.reason) == ("expired", str(code), reason)


@pytest.mark.parametrize(
    "broken",
    [
        *(None, 1, "x", [], {}, {"sms_id": "1"}, {"status": "Delivered"}),
        *({"sms_id": {}, "status": "Delivered"}, {"sms_id": "1", "status": 5}),
    ],
)
def test_one_broken_element_of_fifty_costs_itself_only(broken: object) -> None:
    elements: list[object] = [{**PUSH, "sms_id": str(n)} for n in range(49)]
    elements.insert(20, broken)
    items, count = push(elements)
    assert [news.ids[0] for news in items] == [str(n) for n in range(49)]
    assert count == 1


def test_a_status_that_says_nothing_is_no_news() -> None:
    assert push([{**PUSH, "status": ""}]) == ([], 0)


def test_a_date_that_is_none_costs_nothing_else() -> None:
    (news,), _ = push([{**PUSH, "delivery_date": "0000-00-00 00:00:00"}])
    assert news.done_at is None


def test_a_push_without_its_array() -> None:
    items, _ = push(dict(PUSH))
    assert len(items) == 1


@pytest.mark.parametrize("body", [b"", b"x", b"[", b"null", b"\xff" * 9, b"[" * 9999])
def test_a_push_that_cannot_be_read_is_counted(body: bytes) -> None:
    assert push(body) == ((), 1)


def test_a_reply_of_a_subscriber(account: Provider) -> None:
    query = "message=Да&phone=79161112233&sms_id=5".encode("cp1251")
    request = CallbackRequest(method="GET", query=query, headers={}, body=b"")
    pushed = account.parse_push("mo", request, NOW)
    (mo,) = pushed.items
    assert isinstance(mo, Mo)
    assert (mo.id, mo.source, mo.text) == ("5", "79161112233", "Да")
    assert (pushed.reply.status, pushed.reply.body) == (200, b"OK")
    nothing = CallbackRequest(method="GET", query=b"", headers={}, body=b"")
    broken = account.parse_push("mo", nothing, NOW).broken
    assert (type(broken), broken) == (int, 1)


# --- secrets, and whatever may come


def test_no_secret_is_shown(account: Provider) -> None:
    call = account.build([message()], NOW)
    assert "ptf9" not in repr(call)
    assert "ptf9" not in repr(vars(account))


@pytest.mark.parametrize(
    "key", ["sécret/x", "with blank/x", '"line\\nbreak/x"'], ids=repr
)
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ConfigError, match=r"connectors\.smstraffic\.api_key") as caught:
        provider(api_key=yaml.safe_load(key))
    assert "secret" not in str(caught.value)


SAMPLES = sorted(path.read_bytes() for path in VECTORS.glob("*.json"))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("success", "error", "code", "message", "destinations", "phone"),
                    *("id", "trackingData", "data", "smsId", "status", "deliveryDate"),
                    *("statusExtended", "sms_id", "err_code", "delivery_date"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sample with some octets lost or changed."""
    raw = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw) - 1))
        raw[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=3))
        raw = raw or bytearray(b" ")
    return bytes(raw)


BODIES = (
    st.binary(max_size=200) | mutated() | JSON.map(lambda v: json.dumps(v).encode())
)


@given(body=BODIES, status=st.sampled_from([200, 204, 302, 400, 403, 404, 429, 503]))
def test_nothing_that_comes_raises(body: bytes, status: int) -> None:
    account = provider()
    answer = Reply(status=status, body=body)
    found = account.parse([message()], answer, NOW)
    assert isinstance(found, Answer)
    assert len(found.outcomes) == 1
    assert len(account.parse_recheck([message()], answer, NOW)) == 1
    assert len(account.parse_ask([sent(FIRST), sent(f"tracking:{ID}")], answer)) == 2
    account.parse_probe(answer)
    request = CallbackRequest(method="POST", query=body, headers={}, body=body)
    for kind in ("status", "mo"):
        assert account.parse_push(kind, request, NOW).reply.status == 200
