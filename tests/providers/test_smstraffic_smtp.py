"""`kind: smstraffic-smtp` against technical description 2.3, "SMTP protocol".

Mails are those of the description: see `vectors/smstraffic-smtp`.
"""

import email
import re
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers import examples

from esmed.bridge.base import MailCall, Outgoing, Provider, Reply
from esmed.bridge.config import MailTls
from esmed.errors import ConfigError
from esmed.fieldtypes import Endpoint
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    Outcome,
    Rejected,
    Request,
    Unknown,
)
from esmed.providers.smstraffic_smtp import Config, create
from esmed.secret import Secret

VECTORS = Path(__file__).parent / "vectors" / "smstraffic-smtp"
NOW = 1_589_033_499_000
"""2020-05-09 14:11:39 UTC."""
NUMBER = "78000000001"
TEXT = "You need to pay an invoice of $17.65. For inquiries, call 1234567."

CONFIG = Config(
    server=Endpoint("mx.example", 25),
    login="yourlogin",
    password=Secret("yourpass"),
    mail_from="yourname@yourdomain.ru",
)


@pytest.fixture
def first() -> Provider:
    return create(replace(CONFIG, variant=1, password=None))


@pytest.fixture
def second() -> Provider:
    return create(CONFIG)


def outgoing(
    to: str = NUMBER,
    text: str = TEXT,
    sender: str | None = None,
    seconds: int = 86_400,
    **more: Any,
) -> Outgoing:
    return Outgoing(
        id=f"01890a5d-ac96-774b-bcce-{to:0>12}"[:36],
        request=Request(to=to, text=text, from_=sender, validity=seconds, **more),
        sender=sender,
        expires_at=NOW + seconds * 1000,
    )


def built(provider: Provider, *messages: Outgoing) -> MailCall:
    call = provider.build(messages or [outgoing()], NOW)
    assert isinstance(call, MailCall)
    return call


def mail(call: MailCall) -> EmailMessage:
    read = email.message_from_bytes(call.content, policy=default)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def sample(name: str) -> Any:
    return email.message_from_bytes((VECTORS / name).read_bytes(), policy=default)


def body(read: EmailMessage) -> str:
    return str(read.get_content()).replace("\r\n", "\n")


def fields(call: MailCall) -> dict[str, str]:
    """As the description says: pairs in lines of their own, with at least one empty
    line between them."""
    paragraphs = re.split(r"\n\n+", body(mail(call)).rstrip("\n"))
    pairs = [paragraph.partition(": ") for paragraph in paragraphs]
    return {name: value for name, _, value in pairs}


# --- variant 1 -----------------------------------------------------------------------


class TestVariant1:
    def test_the_sample(self, first: Provider) -> None:
        call = built(first)
        ours, theirs = mail(call), sample("variant1-subject.txt")
        for name in ("From", "To", "Subject"):
            assert str(ours[name]).strip() == str(theirs[name]).strip()
        assert body(ours) == body(theirs)
        assert call.sender == "yourname@yourdomain.ru"
        assert call.recipient == "yourlogin@corp.smsmail.ru"

    def test_no_secret_travels(self, first: Provider) -> None:
        assert b"yourpass" not in built(first).content

    def test_paragraphs_stay(self, first: Provider) -> None:
        text = "one\n\n\ntwo\n.\nlogin: x"
        assert first.refusal(outgoing(text=text).request) is None
        assert body(mail(built(first, outgoing(text=text)))) == f"{text}\n"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"sender": "SMS"}, "from"),
            ({"flash": True}, "flash"),
            ({"encoding": "latin1"}, "encoding"),
            ({"text": ""}, "text"),
            ({"data": b"\x00"}, "data"),
        ],
    )
    def test_what_it_cannot_express(
        self, first: Provider, change: dict[str, Any], field: str
    ) -> None:
        fault = first.refusal(outgoing(**change).request)
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, field)

    def test_a_mail_for_each(self, first: Provider) -> None:
        assert first.traits.batch == 1
        assert not first.traits.receipts


# --- variant 2 -----------------------------------------------------------------------


class TestVariant2:
    def test_the_sample(self, second: Provider) -> None:
        """Its fields in its order; what it leaves to the account comes behind."""
        call = built(second, outgoing(sender="MyCompany"))
        ours, theirs = mail(call), sample("variant2.txt")
        assert (ours["From"], ours["To"]) == (theirs["From"], theirs["To"])
        assert body(ours) == f"{body(theirs)}\nrus: 5\n\ntimeout: 86400\n"
        assert call.recipient == "multi@smtp2.smsmail.ru"

    def test_ascii_goes_as_it_is(self, second: Provider) -> None:
        content = built(second).content
        assert b"\r\n\r\nmessage: " + TEXT.encode() + b"\r\n\r\n" in content
        assert b"Content-Transfer-Encoding: 7bit\r\n" in content

    @pytest.mark.parametrize(
        "text",
        [
            "Привіт, це тест",
            "Ціна 5 € 👍🏽",
            "x" * 2000,
            "a=b=3D \t",
            "one\r\ntwo\nthree\rfour",
            "phones: 1\npassword: 2",
            "\nleading",
            "trailing\n",
            "a\u2028b\x85c",
        ],
    )
    def test_texts(self, second: Provider, text: str) -> None:
        message = outgoing(text=text)
        assert second.refusal(message.request) is None
        call = built(second, message)
        assert max(map(len, call.content.split(b"\r\n"))) <= 998
        assert call.content.isascii()
        assert call.content.count(b"\n") == call.content.count(b"\r\n")
        assert call.content.count(b"\r") == call.content.count(b"\r\n")
        found = fields(call)
        assert list(found) == [
            *("login", "password", "phones", "message", "rus", "timeout")
        ]
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        assert found["message"].rstrip("\n") == plain.rstrip("\n")

    @pytest.mark.parametrize(
        "text",
        ["a\n\nb", "a\r\n\r\nb", "a\r\rb", "a\n\r\nb", "a\n \t\nb", "a\n\u00a0\nb",
         "\n\na", "a\n\n", "a\n\npassword: x\n\noriginator: BANK"],
    )  # fmt: skip
    def test_an_empty_line_would_end_the_field(
        self, second: Provider, text: str
    ) -> None:
        fault = second.refusal(Request(to=NUMBER, text=text))
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, "text")

    @given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n")))
    def test_no_text_makes_another_field(self, text: str) -> None:
        provider = create(CONFIG)
        message = outgoing(text=text)
        if provider.refusal(message.request) is None:
            assert list(fields(built(provider, message))) == [
                *("login", "password", "phones", "message", "rus", "timeout")
            ]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"text": "x" * 17_086}, "text"),
            ({"sender": "TwelveLetter"}, "from"),
            ({"sender": "1234567890123456"}, "from"),
            ({"sender": "a\n\nb: c"}, "from"),
            ({"sender": " "}, "from"),
            ({"encoding": "latin1"}, "encoding"),
            ({"flash": True, "text": "x" * 161}, "flash"),
            ({"data": b"\x00"}, "data"),
        ],
    )
    def test_what_would_be_dropped_without_a_word(
        self, second: Provider, change: dict[str, Any], field: str
    ) -> None:
        fault = second.refusal(outgoing(**change).request)
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, field)

    @pytest.mark.parametrize("sender", ["ElevenChars", "123456789012345", "СМС"])
    def test_senders(self, second: Provider, sender: str) -> None:
        message = outgoing(sender=sender)
        assert second.refusal(message.request) is None
        assert fields(built(second, message))["originator"] == sender

    def test_several_numbers(self, second: Provider) -> None:
        messages = [outgoing(to, seconds=600) for to in ("78000000001", "78000000002")]
        assert second.group(messages[0]) == second.group(messages[1])
        found = fields(built(second, *messages))
        assert found["phones"] == "78000000001,78000000002"
        assert found["timeout"] == "600"

    @pytest.mark.parametrize(
        "change",
        [{"text": "b"}, {"sender": "A"}, {"flash": True}, {"seconds": 600}],
    )
    def test_what_a_mail_has_once(
        self, second: Provider, change: dict[str, Any]
    ) -> None:
        assert second.group(outgoing()) != second.group(outgoing(**change))

    def test_flash(self, second: Provider) -> None:
        assert fields(built(second, outgoing(flash=True)))["flash"] == "1"


class TestMails:
    def test_the_headers(self, second: Provider) -> None:
        message = outgoing()
        ours = mail(built(second, message))
        assert str(ours["Date"]) == "Sat, 09 May 2020 14:11:39 +0000"
        assert ours["Message-ID"] == f"<{message.id}@yourdomain.ru>"
        assert ours.get_content_type() == "text/plain"
        assert ours.get_content_charset() == "utf-8"

    def test_an_id_is_that_of_all_in_the_mail(self, second: Provider) -> None:
        """Of another mail a server that knows it again would drop the others."""
        one, two = outgoing(), outgoing("78000000002")
        ids = {
            mail(built(second, *messages))["Message-ID"]
            for messages in ([one], [one, two], [two], [two, one])
        }
        assert len(ids) == 4
        assert built(second, one, two) == built(second, one, two)

    def test_a_long_address(self) -> None:
        sender = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.example"
        call = built(create(replace(CONFIG, mail_from=sender)))
        assert mail(call)["From"] == sender
        assert mail(call)["Message-ID"].endswith(f"@{sender.partition('@')[2]}>")

    @pytest.mark.parametrize("variant", [1, 2])
    def test_a_probe_sends_nothing(self, variant: int) -> None:
        provider = create(replace(CONFIG, variant=variant))
        probe = provider.build_probe()
        assert isinstance(probe, MailCall)
        assert probe.content == b""
        assert probe.recipient == built(provider).recipient


# --- answers -------------------------------------------------------------------------


TEMPORARY, ACCOUNT = FaultClass.TEMPORARY, FaultClass.ACCOUNT
MESSAGE, PROTOCOL = FaultClass.MESSAGE, FaultClass.PROTOCOL


class TestAnswers:
    @pytest.mark.parametrize("variant", [1, 2])
    def test_taken(self, variant: int) -> None:
        provider = create(replace(CONFIG, variant=variant))
        reply = Reply(status=250, body=b"2.0.0 OK")
        assert parsed(provider, reply) == [Accepted("")]
        assert provider.parse_probe(reply) is None

    @pytest.mark.parametrize(
        ("code", "text", "cls"),
        [
            (421, "4.3.2 closing", TEMPORARY),
            (450, "4.2.0 greylisted", TEMPORARY),
            (451, "", TEMPORARY),
            (452, "4.2.2 full", TEMPORARY),
            (454, "4.7.0 TLS not available", TEMPORARY),
            (500, "", PROTOCOL),
            (501, "5.5.4 syntax", PROTOCOL),
            (503, "", PROTOCOL),
            (530, "5.7.0 authenticate", ACCOUNT),
            (550, "5.1.1 no such user", ACCOUNT),
            (550, "5.7.1 relaying denied", ACCOUNT),
            (550, "5.6.0 not such a text", MESSAGE),
            (552, "", MESSAGE),
            (552, "5.3.4 too big", MESSAGE),
            (554, "5.3.4 too big", MESSAGE),
            (554, "no SMTP here", ACCOUNT),
            (554, "15.6.1 is no code", ACCOUNT),
            (555, "", PROTOCOL),
        ],
    )
    def test_refused(
        self, second: Provider, code: int, text: str, cls: FaultClass
    ) -> None:
        reply = Reply(status=code, body=text.encode())
        found = parsed(second, reply, 2)
        assert found[0] == found[1]
        assert isinstance(found[0], Deferred if cls is TEMPORARY else Rejected)
        assert (found[0].fault.cls, found[0].fault.code) == (cls, code)
        assert second.parse_probe(reply) == found[0].fault

    def test_the_words_of_a_server_are_not_repeated(self, second: Provider) -> None:
        reply = Reply(status=550, body=f"5.7.1 <{NUMBER}@x> denied".encode())
        answer = second.parse([outgoing()], reply, NOW)
        assert NUMBER not in repr(answer)
        assert answer.reason == "SMTP 550 5.7.1"

    def test_a_server_that_is_not_available_is_left_alone(
        self, second: Provider
    ) -> None:
        assert second.parse([outgoing()], Reply(status=421), NOW).pause == 30
        assert second.parse([outgoing()], Reply(status=450), NOW).pause == 0

    @pytest.mark.parametrize("code", [0, 200, 220, 354])
    def test_no_answer_to_a_mail(self, second: Provider, code: int) -> None:
        (found,) = parsed(second, Reply(status=code))
        assert isinstance(found, Unknown)
        assert isinstance(second.parse_probe(Reply(status=code)), Fault)


def parsed(provider: Provider, reply: Reply, count: int = 1) -> list[Outcome]:
    messages = [outgoing(f"7800000000{number}") for number in range(count)]
    return list(provider.parse(messages, reply, NOW).outcomes)


# --- configuration -------------------------------------------------------------------


def configured(**changes: Any) -> Config:
    """The example's keys, with changes; None takes one away."""
    config = examples.configured("smstraffic-smtp", **changes)
    assert isinstance(config, Config)
    return config


NEWER = MailTls(mode="tls", min_version="1.3")


class TestConfiguration:
    def test_the_defaults(self) -> None:
        config = configured()
        assert config.nodes == ("mx.example:25",)
        assert config.variant == 2
        assert config.encryption == MailTls(mode="starttls")
        assert config.rate == pytest.approx(100 / 60)
        assert config.response_timeout == 300

    @pytest.mark.parametrize(
        ("tls", "expected"),
        [
            ("starttls", MailTls(mode="starttls")),
            ("tls", MailTls(mode="tls")),
            ("none", None),
            ({"mode": "tls", "min_version": 1.3}, NEWER),
            ({"pin": "0" * 64}, MailTls(pin=("0" * 64,))),
        ],
    )
    def test_tls(self, tls: object, expected: MailTls | None) -> None:
        assert configured(tls=tls).encryption == expected

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"server": "mx.example"}, "server"),
            ({"tls": "yes"}, "tls"),
            ({"tls": {"mode": "none"}}, "tls.mode"),
            ({"variant": 3}, "variant"),
            ({"mail_from": "me"}, "mail_from"),
            ({"mail_from": "a@b\nc"}, "mail_from"),
            ({"mail_from": "a b@example.org"}, "mail_from"),
            ({"mail_from": None}, "mail_from"),
            ({"login": None}, "login"),
            ({"login": "a\n\nb"}, "login"),
            ({"password": None}, "password"),
            ({"password": "a\n\nphones: 1"}, "password"),
            ({"default_from": "TwelveLetter"}, "default_from"),
            ({"variant": 1, "default_from": "SMS"}, "default_from"),
            ({"variant": 1, "login": "a@b"}, "login"),
        ],
    )
    def test_faults(self, changes: dict[str, Any], path: str) -> None:
        with pytest.raises(ConfigError) as refused:
            configured(**changes)
        paths = [fault.path for fault in refused.value.faults]
        assert paths == [f"connectors.smstraffic-smtp.{path}"]
        assert "phones: 1" not in str(refused.value)

    def test_variant_1_needs_no_password(self) -> None:
        assert configured(variant=1, password=None).password is None

    @pytest.mark.parametrize(
        ("tls", "server", "advised"),
        [
            ("none", "mx.example:25", True),
            ("none", "127.0.0.1:25", False),
            ("starttls", "mx.example:25", False),
        ],
    )
    def test_advice(self, tls: str, server: str, advised: bool) -> None:
        paths = [one.path for one in configured(tls=tls, server=server).advice()]
        assert paths == (["tls"] if advised else [])
