"""`kind: smstraffic-soap` against technical description 2.3, "SOAP protocol".

Requests and answers are those of the description: see `vectors/smstraffic-soap`, where
`soap.wsdl` is what it says in words, so that an independent client (zeep) can have its
say. Names such as Q-ST-16 are those of the project's list of its oddities.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from providers import exchange
from zeep import Client

from esmed.bridge import soap, xmldoc
from esmed.bridge.base import HttpCall, News, Outgoing, Reply
from esmed.bridge.soap import SoapFault
from esmed.bridge.xmldoc import XmlError
from esmed.connector import Sent
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
from esmed.providers._smstraffic import API_ERRORS
from esmed.providers.smstraffic_soap import Config, SmsTrafficSoap, create
from esmed.secret import Secret

VECTORS = Path(__file__).parent / "vectors" / "smstraffic-soap"
NAMESPACE = "http://soap.smstraffic.ru/soap.wsdl"
NOW = 1_589_033_499_000
"""2020-05-09 14:11:39 UTC."""
DAY = 86_400_000
NUMBERS = ("78003336655", "78002224477", "78001114444")

CONFIG = Config(
    base_urls=("https://soap.smstraffic.example/soap.php",),
    login="example",
    password=Secret("p@ssw0rd!"),
)


@pytest.fixture
def provider() -> SmsTrafficSoap:
    return SmsTrafficSoap(CONFIG)


def outgoing(
    to: str = "78003336655",
    text: str = "тест",
    sender: str | None = None,
    seconds: int = 86_400,
    **more: Any,
) -> Outgoing:
    request = Request(to=to, text=text, validity=seconds, **more)
    ends = (request.send_at or NOW) + seconds * 1000
    return Outgoing(id=f"id-{to}", request=request, sender=sender, expires_at=ends)


def vector(name: str) -> bytes:
    return (VECTORS / f"{name}.xml").read_bytes()


def answer(name: str, status: int = 200) -> Reply:
    return Reply(status=status, body=vector(name))


def envelope(payload: str) -> Reply:
    text = (
        f'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope">'
        f'<e:Body xmlns="{NAMESPACE}">{payload}</e:Body></e:Envelope>'
    )
    return Reply(status=200, body=text.encode())


def status(success: str = "true", code: object = 0, said: str = "") -> str:
    return (
        f"<Status><IsSuccess>{success}</IsSuccess><Code>{code}</Code>"
        f"<Description>{said}</Description></Status>"
    )


def info(phone: str, result: str = "Accepted", sms_id: str = "") -> str:
    shown = f"<SmsId>{sms_id}</SmsId>" if sms_id else ""
    return (
        f"<MessageInfo><Phone>{phone}</Phone>"
        f"<ProcessResult>{result}</ProcessResult>{shown}</MessageInfo>"
    )


def parsed(
    provider: SmsTrafficSoap, reply: Reply, *numbers: str, sender: str | None = None
) -> Sequence[Outcome]:
    messages = [outgoing(to, sender=sender) for to in numbers or NUMBERS[:1]]
    return provider.parse(messages, reply, NOW).outcomes


def sent(*ids: str) -> list[Sent]:
    return [Sent(request=Request(to="1"), host="h", smsc_id=one) for one in ids]


# --- another client's view -----------------------------------------------------------


def plain(element: Any) -> tuple[str, str, list[Any]]:
    """An element without prefixes, blanks and comments."""
    return (
        str(element.tag),
        (element.text or "").strip(),
        [plain(child) for child in element],
    )


@cache
def zeep() -> Any:
    return Client(str(VECTORS / "soap.wsdl"))  # type: ignore[no-untyped-call]


@cache
def schema() -> Any:
    wsdl = etree.parse(str(VECTORS / "soap.wsdl"))
    (found,) = wsdl.iter("{http://www.w3.org/2001/XMLSchema}schema")
    return etree.XMLSchema(etree.fromstring(etree.tostring(found)))


def check(call: HttpCall, method: str, **arguments: Any) -> None:
    """The call is what zeep writes, and valid."""
    expected = zeep().create_message(zeep().service, method, **arguments)
    ours = etree.fromstring(call.body)
    assert plain(ours) == plain(expected)
    assert call.headers == {"Content-Type": "application/soap+xml; charset=utf-8"}
    assert call.method == "POST"
    body = etree.fromstring(call.body)
    schema().assertValid(etree.ElementTree(body[0][0]))


class TestRequests:
    def test_the_sample_of_send_bulk_sms(self, provider: SmsTrafficSoap) -> None:
        """But for the options, which the sample has none of."""
        messages = [outgoing(to, "hello world") for to in NUMBERS]
        ours = xmldoc.parse(_body(provider, *messages))
        options = ours.find("Body/BulkSms/Options")
        assert options is not None
        assert [(one.tag, one.text) for one in options] == [
            ("Login", "example"),
            ("Password", "p@ssw0rd!"),
            ("WantSmsIds", "true"),
            ("LatinEncoding", "true"),
            ("Timeout", "86400"),
        ]
        for option in list(options)[2:]:
            options.remove(option)
        assert plain(ours) == plain(xmldoc.parse(vector("bulk-request")))

    def test_the_sample_of_send_individual_sms(self, provider: SmsTrafficSoap) -> None:
        texts = ("individual", "message", "by phone")
        messages = [outgoing(*one) for one in zip(NUMBERS, texts, strict=True)]
        ours = xmldoc.parse(_body(provider, *messages))
        options = ours.find("Body/IndividualSms/Options")
        assert options is not None
        for option in list(options)[2:]:
            options.remove(option)
        assert plain(ours) == plain(xmldoc.parse(vector("individual-request")))

    def test_the_sample_of_get_sms_status(self, provider: SmsTrafficSoap) -> None:
        call = provider.build_ask(sent("27371658818", "1"))
        sample = vector("status-request")
        assert plain(etree.fromstring(call.body)) == plain(etree.fromstring(sample))
        credentials = {"Login": "example", "Password": "p@ssw0rd!"}
        check(call, "GetSmsStatus", SmsId=[27371658818, 1], **credentials)

    def test_the_sample_of_get_balance(self, provider: SmsTrafficSoap) -> None:
        call = replace_login(provider.build_probe())
        sample = vector("balance-request")
        assert plain(etree.fromstring(call.body)) == plain(etree.fromstring(sample))
        credentials = {"Login": "example", "Password": "p@ssw0rd!"}
        check(provider.build_probe(), "GetBalance", **credentials)

    def test_bulk_as_zeep_writes_it(self, provider: SmsTrafficSoap) -> None:
        messages = [outgoing(to, "Ціна 5 € <&> 👍", "SMS") for to in NUMBERS]
        check(
            provider.build(messages, NOW),
            "SendBulkSms",
            Options={
                "Login": "example",
                "Password": "p@ssw0rd!",
                "Originator": "SMS",
                "WantSmsIds": True,
                "Timeout": 86400,
            },
            Message="Ціна 5 € <&> 👍",
            Phone=list(NUMBERS),
        )

    def test_individual_as_zeep_writes_it(self, provider: SmsTrafficSoap) -> None:
        messages = [
            outgoing(NUMBERS[0], "one", flash=True, seconds=600),
            outgoing(NUMBERS[1], "two", flash=True, seconds=600),
        ]
        check(
            provider.build(messages, NOW),
            "SendIndividualSms",
            Options={
                "Login": "example",
                "Password": "p@ssw0rd!",
                "WantSmsIds": True,
                "LatinEncoding": True,
                "Timeout": 600,
                "Flash": True,
            },
            Pairs=[
                {"Phone": NUMBERS[0], "Message": "one"},
                {"Phone": NUMBERS[1], "Message": "two"},
            ],
        )

    @pytest.mark.parametrize(
        ("seconds", "at", "expected"),
        [(600, NOW, 600), (7 * 86_400, NOW, 86_400), (60, NOW + 59_500, 1)],
    )
    def test_lifetime(
        self, provider: SmsTrafficSoap, seconds: int, at: int, expected: int
    ) -> None:
        body = xmldoc.parse(provider.build([outgoing(seconds=seconds)], at).body)
        assert body.findtext(".//Timeout") == str(expected)

    def test_line_breaks_stay(self, provider: SmsTrafficSoap) -> None:
        body = etree.fromstring(_body(provider, outgoing(text="one\n\ntwo  three")))
        assert body.findtext(f".//{{{NAMESPACE}}}Message") == "one\n\ntwo  three"


def replace_login(call: HttpCall) -> HttpCall:
    """The one sample whose login is another."""
    body = call.body.replace(b">example<", b">texample<")
    return HttpCall(operation=call.operation, body=body)


def _body(provider: SmsTrafficSoap, *messages: Outgoing) -> bytes:
    return provider.build(messages, NOW).body


class TestLatinEncoding:
    """Without it 70 characters make a short message, whatever they are."""

    @pytest.mark.parametrize(
        ("text", "encoding", "expected"),
        [
            ("plain [text] ~", "auto", True),
            ("plain `text`", "auto", False),
            ("é", "auto", False),
            ("€", "auto", False),
            ("тест", "auto", False),
            ("plain", "ucs2", False),
            ("é", "gsm7", True),
        ],
    )
    def test_where_nothing_can_be_lost(
        self, provider: SmsTrafficSoap, text: str, encoding: Any, expected: bool
    ) -> None:
        body = xmldoc.parse(_body(provider, outgoing(text=text, encoding=encoding)))
        assert (body.findtext(".//LatinEncoding") == "true") is expected

    def test_it_is_one_for_a_request(self, provider: SmsTrafficSoap) -> None:
        latin, other = outgoing(text="a"), outgoing(text="б")
        assert provider.group(latin) != provider.group(other)
        assert provider.group(latin) == provider.group(outgoing(text="other"))


class TestGroups:
    @pytest.mark.parametrize(
        "change", [{"sender": "A"}, {"flash": True}, {"seconds": 600}]
    )
    def test_what_a_request_has_once(
        self, provider: SmsTrafficSoap, change: dict[str, Any]
    ) -> None:
        assert provider.group(outgoing()) != provider.group(outgoing(**change))

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (Request(to="1", data=b"\x01", encoding="binary"), "data"),
            (Request(to="1", text="é", encoding="latin1"), "encoding"),
            (Request(to="1", text=""), "text"),
            (Request(to="1", text="a", from_="a\x01"), "from"),
            (Request(to="1", text="x" * 161, flash=True), "flash"),
        ],
    )
    def test_what_cannot_be_expressed(
        self, provider: SmsTrafficSoap, request_: Request, field: str
    ) -> None:
        fault = provider.refusal(request_)
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, field)


# --- answers -------------------------------------------------------------------------


class TestAnswers:
    def test_ids_by_number_q_st_16(self, provider: SmsTrafficSoap) -> None:
        """`>true`, as the samples have it; a long message has several."""
        assert parsed(provider, answer("accepted"), *NUMBERS) == [
            Accepted("27371658818"),
            Accepted("27371658819", ("27371658820",)),
            Accepted("27371658821"),
        ]

    def test_without_ids(self, provider: SmsTrafficSoap) -> None:
        """The sample, whose request did not ask for them."""
        reply = answer("accepted-without-ids")
        assert parsed(provider, reply, *NUMBERS) == [Accepted("")] * 3

    def test_unroutable(self, provider: SmsTrafficSoap) -> None:
        rejected, accepted = parsed(provider, answer("unroutable"), *NUMBERS[:2])
        assert accepted == Accepted("27371658819")
        assert isinstance(rejected, Rejected)
        assert rejected.fault.cls is FaultClass.MESSAGE
        assert rejected.fault.code == "Unroutable"

    def test_another_form_of_the_number(self, provider: SmsTrafficSoap) -> None:
        reply = envelope(
            f"<SmsResponse>{status()}{info('79851234567', sms_id='1')}"
            f"{info('+7 800 333-66-55', sms_id='2')}</SmsResponse>"
        )
        found = parsed(provider, reply, "74951234567", "78003336655", "74957654321")
        assert found[:2] == [Accepted("1"), Accepted("2")]
        assert isinstance(found[2], Unknown)

    def test_two_numbers_that_it_may_be(self, provider: SmsTrafficSoap) -> None:
        reply = envelope(
            f"<SmsResponse>{status()}{info('79851234567', sms_id='1')}</SmsResponse>"
        )
        found = parsed(provider, reply, "74951234567", "74991234567")
        assert [type(one) for one in found] == [Unknown, Unknown]

    @pytest.mark.parametrize(
        ("result", "sms_id", "expected"),
        [
            ("Accepted", "", Accepted),
            ("ACCEPTED", "5", Accepted),
            ("Unroutable", "5", Rejected),
            ("Delayed", "5", Accepted),
            ("Delayed", "", Unknown),
            ("", "", Unknown),
        ],
    )
    def test_results(
        self, provider: SmsTrafficSoap, result: str, sms_id: str, expected: type
    ) -> None:
        reply = envelope(
            f"<SmsResponse>{status()}{info(NUMBERS[0], result, sms_id)}</SmsResponse>"
        )
        (found,) = parsed(provider, reply)
        assert isinstance(found, expected)

    @pytest.mark.parametrize("success", ["true", ">true", " > TRUE ", "1", "&gt;true"])
    @pytest.mark.parametrize("code", ["0", ""])
    def test_success(self, provider: SmsTrafficSoap, success: str, code: str) -> None:
        reply = envelope(f"<SmsResponse>{status(success, code)}</SmsResponse>")
        assert parsed(provider, reply) == [Accepted("")]

    @pytest.mark.parametrize(
        ("success", "code"), [("true", 415), (">true", "x"), ("false", 0)]
    )
    def test_a_contradiction_is_no_answer(
        self, provider: SmsTrafficSoap, success: str, code: object
    ) -> None:
        reply = envelope(f"<SmsResponse>{status(success, code)}</SmsResponse>")
        assert isinstance(parsed(provider, reply)[0], Unknown)

    @pytest.mark.parametrize("success", ["false", ">false", "0", ""])
    @pytest.mark.parametrize("code", API_ERRORS)
    def test_each_code(self, provider: SmsTrafficSoap, code: int, success: str) -> None:
        reply = envelope(f"<SmsResponse>{status(success, code)}</SmsResponse>")
        (found,) = parsed(provider, reply, sender="SMS")
        expected = API_ERRORS[code][0]
        temporary = expected is FaultClass.TEMPORARY
        assert isinstance(found, Deferred if temporary else Rejected)
        assert (found.fault.cls, found.fault.code) == (expected, code)

    def test_an_unknown_code(self, provider: SmsTrafficSoap) -> None:
        for code, expected in ((499, FaultClass.MESSAGE), (1001, FaultClass.TEMPORARY)):
            reply = envelope(f"<SmsResponse>{status('false', code)}</SmsResponse>")
            (found,) = parsed(provider, reply)
            assert isinstance(found, Rejected | Deferred)
            assert found.fault.cls is expected

    def test_no_code_at_all(self, provider: SmsTrafficSoap) -> None:
        reply = envelope(f"<SmsResponse>{status('false', '')}</SmsResponse>")
        (found,) = parsed(provider, reply)
        assert isinstance(found, Rejected)
        assert found.fault.cls is FaultClass.PROTOCOL

    def test_trouble_goes_elsewhere(self, provider: SmsTrafficSoap) -> None:
        found = provider.parse([outgoing()], answer("trouble"), NOW)
        assert found.elsewhere
        assert isinstance(found.outcomes[0], Deferred)

    @pytest.mark.parametrize("code", [425, 428, 432, 424])
    def test_one_bad_message_refuses_all(
        self, provider: SmsTrafficSoap, code: int
    ) -> None:
        said = f"{NUMBERS[1]}: no"
        reply = envelope(f"<SmsResponse>{status('false', code, said)}</SmsResponse>")
        messages = [outgoing(to) for to in NUMBERS]
        found = provider.parse(messages, reply, NOW)
        assert found.singly
        assert NUMBERS[1] not in repr(found)
        assert not provider.parse(messages[:1], reply, NOW).singly

    def test_a_sender_that_is_forbidden(self, provider: SmsTrafficSoap) -> None:
        reply = envelope(f"<SmsResponse>{status('false', 436)}</SmsResponse>")
        (ours,) = parsed(provider, reply, sender="SMS")
        (theirs,) = parsed(provider, reply)
        assert isinstance(ours, Rejected)
        assert isinstance(theirs, Rejected)
        assert ours.fault.cls is FaultClass.MESSAGE
        assert theirs.fault.cls is FaultClass.ACCOUNT

    def test_a_body_counts_more_than_its_status(self, provider: SmsTrafficSoap) -> None:
        reply = answer("refused", 500)
        (found,) = parsed(provider, reply)
        assert isinstance(found, Rejected)
        assert (found.fault.cls, found.fault.code) == (FaultClass.ACCOUNT, 411)

    def test_the_answer_to_something_else(self, provider: SmsTrafficSoap) -> None:
        assert isinstance(parsed(provider, answer("balance"))[0], Unknown)

    def test_windows_1251_is_read_as_declared(self, provider: SmsTrafficSoap) -> None:
        text = envelope(
            f"<SmsResponse>{status('false', 432, 'номер')}</SmsResponse>"
        ).body.decode()
        declared = f'<?xml version="1.0" encoding="windows-1251"?>{text}'
        reply = Reply(status=200, body=declared.encode("cp1251"))
        (found,) = parsed(provider, reply)
        assert isinstance(found, Rejected)
        undeclared = Reply(status=200, body=text.encode("cp1251"))
        assert isinstance(parsed(provider, undeclared)[0], Unknown)


class TestFaults:
    def test_the_receivers(self, provider: SmsTrafficSoap) -> None:
        (found,) = parsed(provider, answer("fault", 500))
        assert found == Unknown("SOAP fault Receiver")

    def test_the_senders(self, provider: SmsTrafficSoap) -> None:
        (found,) = parsed(provider, answer("fault-sender", 400))
        assert isinstance(found, Rejected)
        assert found.fault.cls is FaultClass.PROTOCOL
        assert found.fault.code == "Sender"

    @pytest.mark.parametrize(
        ("payload", "code", "refused"),
        [
            (
                (
                    "<e:Fault><faultcode>SOAP-ENV:Server</faultcode>"
                    "<faultstring>x</faultstring></e:Fault>"
                ),
                "Server",
                False,
            ),
            ("<e:Fault><faultcode>Client</faultcode></e:Fault>", "Client", True),
            (
                "<e:Fault><faultcode>e:Client.Authentication</faultcode></e:Fault>",
                "Client.Authentication",
                True,
            ),
            (
                "<e:Fault><faultcode>e:Server.Client</faultcode></e:Fault>",
                "Server.Client",
                False,
            ),
            (
                (
                    "<e:Fault><e:Code><e:Value>e:VersionMismatch</e:Value></e:Code>"
                    "</e:Fault>"
                ),
                "VersionMismatch",
                True,
            ),
            ("<e:Fault/>", "", False),
        ],
    )
    def test_of_either_version(self, payload: str, code: str, refused: bool) -> None:
        fault = soap.read(envelope(payload).body)
        assert fault == SoapFault(code)
        assert fault.refused is refused

    @pytest.mark.parametrize("payload", ["fault", "fault-sender"])
    def test_to_a_question(self, provider: SmsTrafficSoap, payload: str) -> None:
        (found,) = provider.parse_ask(sent("1"), answer(payload))
        assert isinstance(found, Fault)
        ours = payload == "fault-sender"
        assert found.cls is (FaultClass.PROTOCOL if ours else FaultClass.TEMPORARY)
        assert provider.parse_probe(answer(payload)) == found


class TestEnvelopes:
    @pytest.mark.parametrize(
        "body",
        [
            b"<SmsResponse/>",
            b"<Envelope/>",
            b"<Envelope><Body/></Envelope>",
            b"<Envelope><Header><x/></Header></Envelope>",
            b"<Body><SmsResponse/></Body>",
        ],
    )
    def test_no_envelope(self, body: bytes) -> None:
        with pytest.raises(XmlError):
            soap.read(body)

    def test_any_prefix_and_a_header(self) -> None:
        body = (
            b"<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'>"
            b"<S:Header><a/></S:Header><S:Body><n:b xmlns:n='n'>c</n:b></S:Body>"
            b"</S:Envelope>"
        )
        payload = soap.read(body)
        assert isinstance(payload, Element)
        assert (payload.tag, payload.text) == ("b", "c")


# --- states --------------------------------------------------------------------------


STATUSES = {
    "Buffered SMSC": MessageState.BUFFERED,
    "Delivered": MessageState.DELIVERED,
    "Non Delivered": MessageState.UNDELIVERABLE,
    "Rejected": MessageState.REJECTED,
    "Expired": MessageState.EXPIRED,
    "Deleted": MessageState.DELETED,
    "Unknown status": MessageState.UNKNOWN,
    "Lost Notification": MessageState.UNKNOWN,
    "Clicked": MessageState.DELIVERED,
    "Checked": MessageState.DELIVERED,
    "Read": MessageState.DELIVERED,
    "Something New": MessageState.BUFFERED,
}


def states(sms_id: str, word: str, error: str = "") -> Reply:
    return envelope(
        f"<StatusResponse>{status()}<SmsInfo><SmsId>{sms_id}</SmsId>"
        f"<Error>{error}</Error><SendDate>2020-05-09T15:19:00</SendDate>"
        "<LastStatusChangeDate>2020-05-09T15:19:00</LastStatusChangeDate>"
        f"<Status>{word}</Status></SmsInfo></StatusResponse>"
    )


class TestStates:
    def test_the_sample_q_st_16(self, provider: SmsTrafficSoap) -> None:
        """It has another id than its request; the second is not known."""
        found, unknown, silent = provider.parse_ask(
            sent("27374567618", "1", "27371658818"), answer("status")
        )
        assert found == News(
            ids=("27374567618",),
            state=MessageState.EXPIRED,
            stat="Expired",
            # 15:19 in Moscow.
            done_at=1_589_026_740_000,
        )
        for one in (unknown, silent):
            assert isinstance(one, Fault)
            assert (one.cls, one.code) == (FaultClass.TEMPORARY, 434)

    @pytest.mark.parametrize(("word", "state"), STATUSES.items())
    def test_each_word(
        self, provider: SmsTrafficSoap, word: str, state: MessageState
    ) -> None:
        (found,) = provider.parse_ask(sent("7"), states("7", word))
        assert isinstance(found, News)
        assert (found.ids, found.state, found.stat) == (("7",), state, word)

    @pytest.mark.parametrize("word", ["", "Acceptd"])
    def test_nothing_yet(self, provider: SmsTrafficSoap, word: str) -> None:
        assert provider.parse_ask(sent("7"), states("7", word)) == [None]

    def test_an_error_of_the_delivery(self, provider: SmsTrafficSoap) -> None:
        (found,) = provider.parse_ask(sent("7"), states("7", "Non Delivered", "3"))
        assert isinstance(found, News)
        assert (found.err, found.reason) == ("3", "unknown subscriber")

    @pytest.mark.parametrize(
        ("code", "cls"),
        [(411, FaultClass.ACCOUNT), (434, FaultClass.TEMPORARY)],
    )
    def test_refused(
        self, provider: SmsTrafficSoap, code: int, cls: FaultClass
    ) -> None:
        reply = envelope(f"<StatusResponse>{status('false', code)}</StatusResponse>")
        found = provider.parse_ask(sent("7", "8"), reply)
        assert [one.cls for one in found if isinstance(one, Fault)] == [cls, cls]

    @given(body=st.binary(max_size=300))
    def test_whatever_comes(self, body: bytes) -> None:
        provider = create(CONFIG)
        reply = Reply(status=200, body=body)
        assert len(provider.parse_ask(sent("7", "8"), reply)) == 2
        assert isinstance(provider.parse_probe(reply), Fault)


# --- operations ----------------------------------------------------------------------


class TestOperations:
    def run(
        self, provider: SmsTrafficSoap, name: str, arguments: Any, *replies: Reply
    ) -> Any:
        procedure = exchange.procedure_of(provider, name)
        result, asked = exchange.run(procedure, arguments, replies, NOW)
        assert len(exchange.calls(asked)) == len(asked) == len(replies)
        return result

    def test_balance(self, provider: SmsTrafficSoap) -> None:
        found = self.run(provider, "balance", {}, answer("balance"))
        assert found == {"balance": "52782.35"}
        assert provider.parse_probe(answer("balance")) is None

    def test_statuses(self, provider: SmsTrafficSoap) -> None:
        ids = ["27374567618", "1", "5"]
        found = self.run(provider, "statuses", {"ids": ids}, answer("status"))
        assert found == {
            "statuses": [
                {
                    "id": "27374567618",
                    "status": "Expired",
                    "submitted_at": "2020-05-09T12:19:00.000Z",
                    "sent_at": "2020-05-09T12:19:00.000Z",
                    "changed_at": "2020-05-09T12:19:00.000Z",
                },
                {
                    "id": "1",
                    "error": "no such message or this message does not belong to you",
                },
            ]
        }

    def test_many_in_several_questions(self, provider: SmsTrafficSoap) -> None:
        ids = [str(number) for number in range(1, 17)]
        replies = [states("15", "Delivered"), states("16", "Delivered")]
        found = self.run(provider, "statuses", {"ids": ids}, *replies)
        assert [one["id"] for one in found["statuses"]] == ["15", "16"]

    def test_refused(self, provider: SmsTrafficSoap) -> None:
        payload = f"<BalanceResponse>{status('false', 411)}</BalanceResponse>"
        found = self.run(provider, "balance", {}, envelope(payload))
        assert isinstance(found, Fault)
        assert (found.cls, found.code) == (FaultClass.ACCOUNT, 411)


def test_plain_http_is_advised_against() -> None:
    (advice,) = replace(CONFIG, base_urls=("http://a.example/soap.php",)).advice()
    assert advice.path == "base_urls[0]"
