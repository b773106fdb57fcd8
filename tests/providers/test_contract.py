"""What every provider has to do, whatever its kind: `esmed.bridge.base`, by its words.

Kinds are found by the registry, what they are held to by `vectors/README.md`.
"""

from __future__ import annotations

import dataclasses
import email
import email.policy
import json
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from providers import exchange
from providers.examples import VECTORS, configured

from esmed.bridge import base
from esmed.bridge.base import (
    Call,
    CallbackRequest,
    HttpCall,
    MailCall,
    News,
    NoReply,
    Outgoing,
    Procedure,
    Provider,
    Reply,
    Wait,
)
from esmed.bridge.registry import create, provider_kinds
from esmed.connector import Sent
from esmed.connectorconfig import ConnectorConfig
from esmed.errors import ConfigError
from esmed.models import (
    FINAL_STATES,
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    Rejected,
    Request,
    Unknown,
)
from esmed.secret import Secret
from esmed.simulator.bridge.registry import kinds as simulated_kinds

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000_000
DAY = 86_400_000
TEXTS = ("Hello", "Привіт, це тест", "Ціна 5 € <&>", "Готово 👍🏽")
OUTCOMES = {kind.__name__: kind for kind in (Accepted, Rejected, Deferred, Unknown)}
STATUSES = (200, 204, 302, 401, 403, 404, 429, 500, 502, 503)
HTML = b"<!DOCTYPE html><html><body><h1>Sorry &mdash;</h1><br></body></html>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;">'
    b'<!ENTITY f SYSTEM "file:///etc/passwd">]><message>&c;&f;</message>'
)
BROKEN = {
    "empty": b"",
    "html": HTML,
    "broken xml": b'<?xml version="1.0" encoding="utf-8"?><message><state code="ACC',
    "entities": BOMB,
    "broken json": b'{"success": true, "data": [{"id": 1',
    "nested json": b"[" * 100_000,
    "nested xml": b"<a>" * 100_000,
    "null": b"null",
    "a number": b"17",
    "random": random.Random(1).randbytes(4096),
    "not utf-8": "<message><state code='ЯК'/></message>".encode("windows-1251"),
}
LARGE = 10 * 2**20
PIECES = (
    *(b"a", b"= ", b'="', b"<a", b"<a ", b"<a b=c>", b"</ a", b"</a >", b"&a=", b"&"),
    *(b"\xe2\x80\x9d", b"0,-1", b'{"a":', b'"', b"\\", b"\r\n", b"a b", b"ERROR = "),
)
"""What a careless pattern takes for ever to look through, if it comes often."""

KINDS = [
    kind for kind in provider_kinds() if (VECTORS / kind / "answers.yaml").exists()
]

pytestmark = pytest.mark.parametrize("kind", KINDS)


# --- what there is of a kind ---------------------------------------------------------


@cache
def provider_of(kind: str) -> Provider:
    return create(configured(kind))


def secrets(section: object) -> Iterator[str]:
    """Every secret in a configuration, however deep."""
    if isinstance(section, Secret):
        yield section.reveal()
    elif dataclasses.is_dataclass(section):
        for field in dataclasses.fields(section):
            yield from secrets(getattr(section, field.name))


def listed(kind: str, name: str) -> list[dict[str, Any]]:
    path = VECTORS / kind / name
    found: list[dict[str, Any]] = []
    if path.exists():
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def answers(kind: str) -> list[dict[str, Any]]:
    return listed(kind, "answers.yaml")


def reply_of(kind: str, answer: dict[str, Any]) -> Reply:
    return Reply(
        status=answer.get("status", 200),
        headers=answer.get("headers", {}),
        body=(VECTORS / kind / answer["file"]).read_bytes(),
        node=configured_node(kind),
    )


@cache
def configured_node(kind: str) -> str:
    nodes: tuple[str, ...] = configured(kind).nodes  # type: ignore[attr-defined]
    return nodes[0]


def message(to: str, text: str = "Hello", number: int = 1, **fields: Any) -> Outgoing:
    return Outgoing(
        id=f"01890a5d-ac96-774b-bcce-{number:012d}",
        request=Request(to=to, text=text, from_="SMS", **fields),
        sender="SMS",
        expires_at=NOW + DAY,
    )


def messages_to(numbers: Sequence[str]) -> list[Outgoing]:
    return [message(to, number=place) for place, to in enumerate(numbers, start=1)]


def a_batch(provider: Provider, count: int = 4) -> list[Outgoing]:
    """Messages that go in one call, as many of these as may."""
    numbers = [f"3805012345{number:02d}" for number in range(count)]
    made = [
        message(to, TEXTS[place % len(TEXTS)], place)
        for place, to in enumerate(numbers)
    ]
    group = provider.group(made[0])
    alike = [each for each in made if provider.group(each) == group]
    return alike[: provider.traits.batch]


def sent_by(kind: str) -> list[Sent]:
    """Messages that the provider has taken, by the answers of its document."""
    provider = provider_of(kind)
    for answer in answers(kind):
        if set(answer["outcomes"]) == {"Accepted"}:
            messages = messages_to(answer["to"])
            reply = reply_of(kind, answer)
            outcomes = provider.parse(messages, reply, NOW).outcomes
            return [
                Sent(request=each.request, host=reply.node, smsc_id=outcome.smsc_id)
                for each, outcome in zip(messages, outcomes, strict=True)
                if isinstance(outcome, Accepted)
            ]
    raise AssertionError(f"answers.yaml of {kind} has none that is all Accepted")


def a_question(kind: str) -> list[Sent]:
    """Messages that are asked for in one call."""
    provider = provider_of(kind)
    sent = sent_by(kind)
    group = provider.ask_group(sent[0])
    alike = [each for each in sent if provider.ask_group(each) == group]
    return alike[: provider.traits.asks]


def broken_replies() -> Iterator[Reply]:
    for status in STATUSES:
        for body in BROKEN.values():
            yield Reply(status=status, body=body, node="http://127.0.0.1:1")


def words(call: Call) -> str:
    """Every text in a request, decoded by what it is."""
    if isinstance(call, MailCall):
        mail = email.message_from_bytes(call.content, policy=email.policy.default)
        parts = [part for part in mail.walk() if not part.is_multipart()]
        return " ".join([mail["subject"] or "", *map(str, map(_content, parts))])
    if call.body[:1] == b"<":
        root = ET.fromstring(call.body)  # noqa: S314 - we wrote it
        return " ".join(
            [
                text
                for each in root.iter()
                for text in (each.text, *each.attrib.values())
                if text
            ]
        )
    if call.body[:1] in {b"{", b"["}:
        return " ".join(_strings(json.loads(call.body)))
    return " ".join(value for _, value in parse_qsl(call.body.decode("ascii"), True))


def _content(part: Any) -> Any:
    return part.get_content()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    else:
        yield str(value)


def overridden(provider: Provider, *names: str) -> list[bool]:
    return [
        getattr(type(provider), name) is not getattr(Provider, name) for name in names
    ]


# --- configuration -------------------------------------------------------------------


class TestConfiguration:
    def test_the_example_is_valid(self, kind: str) -> None:
        assert configured(kind).kind == kind

    def test_an_unknown_key_is_refused_with_its_path(self, kind: str) -> None:
        with pytest.raises(ConfigError) as refused:
            configured(kind, no_such_key=1)
        paths = [fault.path for fault in refused.value.faults]
        assert paths == [f"connectors.{kind}.no_such_key"]

    def test_secrets_stay_in_it(self, kind: str) -> None:
        config = configured(kind)
        provider = create(config)
        hidden = set(secrets(config))
        assert hidden
        shown = [repr(config), str(config), repr(provider), str(provider)]
        for text in shown:
            assert not [secret for secret in hidden if secret in text]

    def test_it_is_documented(self, kind: str) -> None:
        page = ROOT / "docs" / "connectors" / f"{kind}.md"
        assert page.exists()
        text = page.read_text(encoding="utf-8")
        assert f"connectors/{kind}.md" in (ROOT / "docs" / "README.md").read_text()
        common = {field.name for field in dataclasses.fields(ConnectorConfig)}
        own = {field.name.removesuffix("_") for field in fields_of(kind)} - common
        told = set(re.findall(r"`(\w+)[`.:]", text))
        assert own - told - COMMON == set()
        named = {procedure.name for procedure in provider_of(kind).procedures()}
        assert named - told == set()

    def test_there_is_a_stand_in(self, kind: str) -> None:
        assert kind in simulated_kinds()


COMMON = {"concurrency", "batch", "connect_timeout", "response_timeout", "tls"} | {
    "default_from"
}
"""Keys of all providers: docs/configuration.md."""


def fields_of(kind: str) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(configured(kind))


FIELDS = {"to", "from", "text", "data", "udh", "encoding", "flash", "send_at"} | {
    *("validity", "tlvs", "max_parts", "reference", "receipt", "transliterate"),
}
"""Of a submission: what a refusal may name."""


# --- sending -------------------------------------------------------------------------


class TestBuild:
    def test_it_is_deterministic(self, kind: str) -> None:
        batch = a_batch(provider_of(kind))
        first = create(configured(kind)).build(batch, NOW)
        assert create(configured(kind)).build(batch, NOW) == first

    def test_no_secret_is_shown(self, kind: str) -> None:
        provider = provider_of(kind)
        hidden = set(secrets(configured(kind)))
        calls: list[Call] = [
            provider.build(a_batch(provider), NOW),
            provider.build_probe(),
        ]
        if provider.traits.asks:
            calls.append(provider.build_ask(a_question(kind)))
        if provider.traits.cancels:
            calls.append(provider.build_cancel(sent_by(kind)[0]))
        if provider.traits.pulls:
            calls.append(provider.build_pull(NOW - DAY, NOW))
        if provider.traits.rechecks:
            calls.append(provider.build_recheck(a_batch(provider), NOW))
        for call in calls:
            shown = repr(call) + (call.path if isinstance(call, HttpCall) else "")
            assert not [secret for secret in hidden if secret in shown]
            assert re.fullmatch(r"[a-z][a-z_0-9]*", call.operation)

    @pytest.mark.parametrize("text", TEXTS)
    def test_characters_survive(self, kind: str, text: str) -> None:
        provider = provider_of(kind)
        if provider.refusal(message("380501234567", text).request) is not None:
            pytest.skip("the provider cannot carry it, and says so")
        call = provider.build([message("380501234567", text)], NOW)
        assert text in words(call)

    def test_all_of_a_batch_are_in_it(self, kind: str) -> None:
        provider = provider_of(kind)
        batch = a_batch(provider)
        written = words(provider.build(batch, NOW))
        for each in batch:
            assert (each.request.text or "") in written
            assert each.to in written

    def test_refusals_name_the_field(self, kind: str) -> None:
        provider = provider_of(kind)
        requests = [
            Request(to="380501234567", text="x" * 10_000),
            Request(to="380501234567", data=b"\x00\x01", encoding="binary"),
            Request(to="380501234567", text="Hi", flash=True),
            Request(to="380501234567", text="Hi", send_at=NOW + 30 * DAY),
            Request(to="12", text="Hi", from_="A name that is far too long"),
            Request(to="380501234567", text="Hi", tlvs={"0x1403": 1}),
        ]
        for request in requests:
            fault = provider.refusal(request)
            if fault is not None:
                assert fault.cls is FaultClass.MESSAGE
                assert fault.code in FIELDS

    def test_a_usual_message_is_not_refused(self, kind: str) -> None:
        request = Request(to="380501234567", text="Привіт", from_="SMS")
        assert provider_of(kind).refusal(request) is None


class TestAnswers:
    def test_those_of_the_document(self, kind: str) -> None:
        provider = provider_of(kind)
        assert answers(kind)
        for answer in answers(kind):
            messages = messages_to(answer["to"])
            read = provider.parse(messages, reply_of(kind, answer), NOW)
            found = [type(outcome).__name__ for outcome in read.outcomes]
            assert found == answer["outcomes"], answer["file"]

    def test_by_number_never_by_position(self, kind: str) -> None:
        provider = provider_of(kind)
        for answer in answers(kind):
            messages = messages_to(answer["to"])
            reply = reply_of(kind, answer)
            there = provider.parse(messages, reply, NOW).outcomes
            back = provider.parse(messages[::-1], reply, NOW).outcomes
            assert list(back) == list(there)[::-1], answer["file"]

    def test_who_is_not_in_the_answer_is_not_accepted(self, kind: str) -> None:
        provider = provider_of(kind)
        if provider.traits.batch == 1:
            pytest.skip("an answer is about the one message")
        if isinstance(provider.build_probe(), MailCall):
            pytest.skip("a server answers for a whole mail")
        for answer in answers(kind):
            messages = messages_to([*answer["to"], "380000000000"])
            *_, last = provider.parse(messages, reply_of(kind, answer), NOW).outcomes
            assert not isinstance(last, Accepted), answer["file"]

    def test_no_id_is_given_twice(self, kind: str) -> None:
        ids = [sent.smsc_id for sent in sent_by(kind)]
        assert len(set(ids)) == len(ids)

    @pytest.mark.parametrize("status", STATUSES)
    def test_whatever_comes_there_is_one_outcome_each(
        self, kind: str, status: int
    ) -> None:
        provider = provider_of(kind)
        batch = a_batch(provider)
        if isinstance(provider.build(batch, NOW), MailCall):
            pytest.skip("speaks SMTP")
        for name, body in BROKEN.items():
            reply = Reply(status=status, body=body, node=configured_node(kind))
            answer = provider.parse(batch, reply, NOW)
            assert len(answer.outcomes) == len(batch)
            for outcome in answer.outcomes:
                match status:
                    case 200 | 204 | 500 | 502 | 503:
                        assert isinstance(outcome, Unknown), name
                    case 429:
                        assert isinstance(outcome, Deferred), name
                        assert outcome.fault.cls is FaultClass.TEMPORARY
                        assert answer.pause > 0
                    case _:
                        assert isinstance(outcome, Rejected), name
                        assert outcome.fault.cls is FaultClass.ACCOUNT

    @pytest.mark.parametrize("status", [220, 250, 421, 450, 451, 550, 554])
    def test_and_to_a_mail(self, kind: str, status: int) -> None:
        provider = provider_of(kind)
        batch = a_batch(provider)
        if isinstance(provider.build(batch, NOW), HttpCall):
            pytest.skip("speaks HTTP")
        for body in BROKEN.values():
            reply = Reply(status=status, body=body, node=configured_node(kind))
            assert len(provider.parse(batch, reply, NOW).outcomes) == len(batch)

    @pytest.mark.parametrize("octet", [b" ", b"<", b"[", b"\xff", b"1"])
    def test_of_ten_megabytes(self, kind: str, octet: bytes) -> None:
        provider = provider_of(kind)
        batch = a_batch(provider)
        reply = Reply(status=200, body=octet * LARGE, node=configured_node(kind))
        answer = provider.parse(batch, reply, NOW)
        assert len(answer.outcomes) == len(batch)
        if isinstance(provider.build(batch, NOW), HttpCall):
            assert {type(outcome) for outcome in answer.outcomes} == {Unknown}

    @pytest.mark.parametrize("piece", PIECES)
    def test_of_one_piece_over_and_over(self, kind: str, piece: bytes) -> None:
        provider = provider_of(kind)
        batch = a_batch(provider)
        for start in (b"", *(reply_of(kind, it).body[:100] for it in answers(kind))):
            body = start + piece * (2**19 // len(piece))
            reply = Reply(status=200, body=body, node=configured_node(kind))
            assert len(provider.parse(batch, reply, NOW).outcomes) == len(batch)

    def test_cut_off_anywhere_nothing_is_accepted(self, kind: str) -> None:
        provider = provider_of(kind)
        for answer in answers(kind):
            messages = messages_to(answer["to"])
            reply = reply_of(kind, answer)
            whole = len(reply.body.rstrip())
            for end in range(0, whole - 1, max(whole // 50, 1)):
                cut = msgspec.structs.replace(reply, body=reply.body[:end])
                outcomes = provider.parse(messages, cut, NOW).outcomes
                assert len(outcomes) == len(messages)
                if reply.body[:1] in {b"<", b"{", b"["}:
                    assert not any(isinstance(each, Accepted) for each in outcomes)

    def test_faults_say_no_secret_text_or_number(self, kind: str) -> None:
        provider = provider_of(kind)
        hidden = set(secrets(configured(kind)))
        batch = a_batch(provider)
        private = [each.to for each in batch] + [each.request.text for each in batch]
        for reply in broken_replies():
            answer = provider.parse(batch, reply, NOW)
            shown = " ".join([repr(answer), answer.reason])
            assert not [word for word in (*hidden, *private) if (word or "?") in shown]

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_a_mutated_answer_is_no_exception(
        self, kind: str, data: st.DataObject
    ) -> None:
        provider = provider_of(kind)
        answer = data.draw(st.sampled_from(answers(kind)))
        reply = reply_of(kind, answer)
        body = data.draw(mutated(reply.body))
        messages = messages_to(answer["to"])
        changed = msgspec.structs.replace(reply, body=body)
        assert len(provider.parse(messages, changed, NOW).outcomes) == len(messages)


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """A body with some octets removed, doubled or replaced."""
    changed = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        length = draw(st.integers(0, 12))
        changed[at : at + length] = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b'"', b"'", b"<", b">", b"&", b"null", b"[]", b"-1"]),
                st.just(bytes(changed[at : at + length]) * 2),
            )
        )
    return bytes(changed)


class TestProbe:
    def test_only_a_good_answer_is_none(self, kind: str) -> None:
        provider = provider_of(kind)
        if isinstance(provider.build_probe(), MailCall):
            pytest.skip("speaks SMTP")
        for reply in broken_replies():
            fault = provider.parse_probe(reply)
            assert isinstance(fault, Fault), reply
            if reply.status in {401, 403}:
                assert fault.cls is FaultClass.ACCOUNT

    def test_it_is_deterministic(self, kind: str) -> None:
        assert provider_of(kind).build_probe() == create(configured(kind)).build_probe()


# --- what comes later ----------------------------------------------------------------


class TestTraits:
    def test_they_agree_with_what_there_is(self, kind: str) -> None:
        provider = provider_of(kind)
        traits = provider.traits
        for there, names in (
            (traits.asks > 0, ("build_ask", "parse_ask")),
            (traits.rechecks, ("build_recheck", "parse_recheck")),
            (traits.cancels, ("build_cancel", "parse_cancel")),
            (bool(traits.pushes), ("parse_push",)),
            (traits.pulls, ("build_pull", "parse_pull")),
            (True, ("group", "build", "parse", "build_probe", "parse_probe")),
        ):
            assert set(overridden(provider, *names)) == {there}, names
        assert traits.batch >= 1
        assert traits.retention > 0
        assert traits.pushes <= {"status", "mo", "short"}
        assert type(provider).__mro__[-2] is base.Provider


class TestAsks:
    def test_one_answer_each(self, kind: str) -> None:
        provider = provider_of(kind)
        if not provider.traits.asks:
            pytest.skip("cannot be asked")
        asked = a_question(kind)
        assert provider.build_ask(asked) == provider.build_ask(asked)
        for reply in broken_replies():
            found = provider.parse_ask(asked, reply)
            assert len(found) == len(asked)
            for each in found:
                assert each is None or isinstance(each, Fault), reply

    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(body=st.binary(max_size=200))
    def test_random_octets(self, kind: str, body: bytes) -> None:
        provider = provider_of(kind)
        if provider.traits.asks:
            asked = a_question(kind)
            reply = Reply(status=200, body=body, node=configured_node(kind))
            assert len(provider.parse_ask(asked, reply)) == len(asked)


class TestRechecks:
    def test_nothing_is_made_up(self, kind: str) -> None:
        provider = provider_of(kind)
        if not provider.traits.rechecks:
            pytest.skip("cannot be found out")
        batch = a_batch(provider)
        assert provider.build_recheck(batch, NOW) == provider.build_recheck(batch, NOW)
        for reply in broken_replies():
            found = provider.parse_recheck(batch, reply, NOW)
            assert len(found) == len(batch)
            assert not any(isinstance(outcome, Accepted) for outcome in found)


class TestCancels:
    def test_what_cannot_be_read_has_not_cancelled(self, kind: str) -> None:
        provider = provider_of(kind)
        if not provider.traits.cancels:
            pytest.skip("cannot cancel")
        sent = sent_by(kind)[0]
        for reply in broken_replies():
            assert isinstance(provider.parse_cancel(sent, reply), Fault), reply


class TestPushes:
    def test_those_of_the_document(self, kind: str) -> None:
        provider = provider_of(kind)
        pushes = listed(kind, "pushes.yaml")
        assert {push["kind"] for push in pushes} == provider.traits.pushes
        for push in pushes:
            pushed = provider.parse_push(push["kind"], request_of(kind, push), NOW)
            assert len(pushed.items) == push.get("items", 1), push
            assert pushed.reply.status < 300
            for item in pushed.items:
                if isinstance(item, News):
                    assert all(item.ids)
                    assert item.ids
                    assert item.stat
                    assert item.state in FINAL_STATES | {"buffered"}
                else:
                    assert item.source
                    assert item.text is not None or item.data
            again = provider.parse_push(push["kind"], request_of(kind, push), NOW)
            assert again == pushed

    def test_nonsense_brings_nothing(self, kind: str) -> None:
        provider = provider_of(kind)
        for push in provider.traits.pushes:
            for body in (*BROKEN.values(), b"&" * 5000, b"a=%ff&=&b", b" " * LARGE):
                for query in (b"", b"%00=%", body[:1000]):
                    asked = CallbackRequest(
                        method="POST", query=query, headers={}, body=body
                    )
                    pushed = provider.parse_push(push, asked, NOW)
                    assert not any(isinstance(each, News) for each in pushed.items)
                    assert 200 <= pushed.reply.status < 600

    @pytest.mark.parametrize("piece", PIECES)
    def test_one_piece_over_and_over(self, kind: str, piece: bytes) -> None:
        provider = provider_of(kind)
        for push in listed(kind, "pushes.yaml"):
            asked = request_of(kind, push)
            body = asked.body[:60] + piece * (2**19 // len(piece))
            provider.parse_push(
                push["kind"], msgspec.structs.replace(asked, body=body), NOW
            )

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_a_mutated_one_is_no_exception(
        self, kind: str, data: st.DataObject
    ) -> None:
        pushes = listed(kind, "pushes.yaml")
        if pushes:
            push = data.draw(st.sampled_from(pushes))
            asked = request_of(kind, push)
            changed = msgspec.structs.replace(
                asked, body=data.draw(mutated(asked.body))
            )
            provider_of(kind).parse_push(push["kind"], changed, NOW)


def request_of(kind: str, push: dict[str, Any]) -> CallbackRequest:
    body = (VECTORS / kind / push["file"]).read_bytes() if "file" in push else b""
    return CallbackRequest(
        method="POST" if body else "GET",
        query=push.get("query", "").encode(),
        headers={"content-type": push["type"]} if "type" in push else {},
        body=body,
    )


class TestPulls:
    def test_what_cannot_be_read_is_a_fault(self, kind: str) -> None:
        provider = provider_of(kind)
        if not provider.traits.pulls:
            pytest.skip("nothing to pull")
        call = provider.build_pull(NOW - DAY, NOW)
        assert provider.build_pull(NOW - DAY, NOW) == call
        for reply in broken_replies():
            assert isinstance(provider.parse_pull(reply), Fault), reply


# --- operations ----------------------------------------------------------------------


def arguments_of(kind: str, procedure: Procedure) -> Any:
    """An instance of its arguments: of operations.yaml, or without any."""
    path = VECTORS / kind / "operations.yaml"
    given = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return msgspec.convert(given.get(procedure.name, {}), procedure.arguments)


class TestProcedures:
    def test_they_are_documented(self, kind: str) -> None:
        procedures = provider_of(kind).procedures()
        names = [procedure.name for procedure in procedures]
        assert len(set(names)) == len(names)
        for procedure in procedures:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", procedure.name)
            assert procedure.summary
            config = procedure.arguments.__struct_config__
            assert config.forbid_unknown_fields, procedure.name
            schema = msgspec.json.schema(procedure.arguments)
            described = schema["$defs"][procedure.arguments.__name__]
            for name, field in described["properties"].items():
                assert field.get("description"), f"{procedure.name}.{name}"

    def test_whatever_is_answered_they_end(self, kind: str) -> None:
        hidden = set(secrets(configured(kind)))
        for procedure in provider_of(kind).procedures():
            arguments = arguments_of(kind, procedure)
            for reply in broken_replies():
                result = driven(procedure, arguments, reply, hidden)
                assert isinstance(result, Fault | dict), procedure.name
                if isinstance(result, Fault):
                    assert not [secret for secret in hidden if secret in repr(result)]
                else:
                    msgspec.json.encode(result)

    def test_without_a_reply_they_end(self, kind: str) -> None:
        for procedure in provider_of(kind).procedures():
            lost = repeat(NoReply("no route to host"), 100)
            with suppress(NoReply):
                exchange.run(procedure, arguments_of(kind, procedure), lost, NOW)


def driven(procedure: Procedure, arguments: Any, reply: Reply, hidden: set[str]) -> Any:
    """What an operation comes to when each of its calls is answered so."""
    result, asked = exchange.run(procedure, arguments, repeat(reply, 1000), NOW)
    for step in asked:
        if isinstance(step, Wait):
            assert step.seconds > 0
        else:
            assert not [word for word in hidden if word in repr(step) + step.path]
    return result
