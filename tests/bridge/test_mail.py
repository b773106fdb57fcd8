"""esmed.bridge.mail over real sockets, against a server of others (aiosmtpd) and
against one that does what no server should."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from fakes.ca import Authority
from fakes.wait import eventually, settle
from fakes.wire import WireConnection, wire_peer

from esmed.bridge.base import Ambiguous, HttpCall, MailCall, NotSent, Reply
from esmed.bridge.config import MailProviderConfig, MailTls
from esmed.bridge.mail import MailCarrier
from esmed.fieldtypes import Endpoint

CONTENT = b"From: a@example.org\r\nTo: b@example.net\r\n\r\nHi.\r\n.\r\n..two\r\n"
CALL = MailCall(
    operation="send",
    sender="a@example.org",
    recipient="b@example.net",
    content=CONTENT,
)


class Box:
    """What aiosmtpd asks at each step: takes mails, or answers what it is told to."""

    def __init__(self, **answers: str) -> None:
        self.mails: list[Envelope] = []
        self.encrypted: list[bool] = []
        self._answers = answers

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        if "ehlo" in self._answers:
            return [self._answers["ehlo"]]
        return responses

    async def handle_MAIL(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        envelope.mail_from = address
        return self._answers.get("mail", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._answers.get("rcpt", "250 OK")

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert server.transport is not None
        secure = server.transport.get_extra_info("ssl_object")
        self.encrypted.append(secure is not None)
        answer = self._answers.get("data", "250 2.0.0 taken as 4711")
        if answer.startswith("2"):
            self.mails.append(envelope)
        return answer


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def mailbox(
    box: Box,
    *,
    implicit: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    **settings: Any,
) -> AsyncIterator[int]:
    """Serve on a free port, which is given; in the end no connection is left open."""

    def serve() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            **settings,
        )

    before = open_files()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=implicit)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await eventually(lambda: open_files() <= before)


def settings(port: int, **changes: Any) -> MailProviderConfig:
    config = MailProviderConfig(
        kind="mail", server=Endpoint("127.0.0.1", port), tls="none"
    )
    limits = {"connect_timeout": 20.0, "response_timeout": 20.0}
    return replace(config, **{**limits, **changes})


async def send(
    port: int, call: MailCall = CALL, **changes: Any
) -> Reply | NotSent | Ambiguous:
    return await MailCarrier(settings(port, **changes)).exchange(
        call, f"127.0.0.1:{port}"
    )


# --- what goes well ------------------------------------------------------------------


async def test_a_mail_arrives_octet_by_octet() -> None:
    box = Box()
    async with mailbox(box) as port:
        reply = await send(port)
    assert reply == Reply(
        status=250, body=b"2.0.0 taken as 4711", node=f"127.0.0.1:{port}"
    )
    (mail,) = box.mails
    assert mail.mail_from == "a@example.org"
    assert mail.rcpt_tos == ["b@example.net"]
    assert mail.content == CONTENT
    assert box.encrypted == [False]


async def test_the_last_line_is_ended_if_the_mail_does_not() -> None:
    box = Box()
    async with mailbox(box) as port:
        await send(port, MailCall(**{**_fields(CALL), "content": b"A: b\r\n\r\n."}))
    assert box.mails[0].content == b"A: b\r\n\r\n.\r\n"


async def test_nothing_is_sent_to_try_the_server() -> None:
    box = Box()
    async with mailbox(box) as port:
        reply = await send(port, MailCall(**{**_fields(CALL), "content": b""}))
    assert isinstance(reply, Reply)
    assert reply.status == 250
    assert box.mails == []


async def test_a_server_that_knows_no_ehlo() -> None:
    box = Box(ehlo="502 what is that")
    async with mailbox(box) as port:
        reply = await send(port)
    assert isinstance(reply, Reply)
    assert reply.status == 250


async def test_nobody_is_told_a_password(authority: Authority) -> None:
    """A server that offers AUTH is not given any; one that insists is told as such."""
    asked = []

    def authenticate(*arguments: object) -> AuthResult:
        asked.append(arguments)
        return AuthResult(success=True)

    context = authority.issue("auth", "IP:127.0.0.1").server()
    tls = MailTls(ca=authority.certificate)
    serve = partial(mailbox, starttls=context, authenticator=authenticate)
    async with serve(Box()) as port:
        assert isinstance(await send(port, tls=tls), Reply)
    async with serve(Box(), auth_required=True) as port:
        refused = await send(port, tls=tls)
    assert isinstance(refused, Reply)
    assert refused.status == 530
    assert asked == []


def _fields(call: MailCall) -> dict[str, Any]:
    return {name: getattr(call, name) for name in call.__struct_fields__}


# --- TLS -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_encrypted(mode: Any, authority: Authority) -> None:
    context = authority.issue("mail", "IP:127.0.0.1").server()
    box = Box()
    way = {"starttls": context} if mode == "starttls" else {"implicit": context}
    async with mailbox(box, **way) as port:
        tls = MailTls(mode=mode, ca=authority.certificate)
        reply = await send(port, tls=tls)
    assert isinstance(reply, Reply)
    assert reply.status == 250
    assert box.encrypted == [True]
    assert box.mails[0].content == CONTENT


@pytest.mark.parametrize("mode", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name", "pin", "file"])
async def test_a_certificate_that_is_not_the_servers(
    mode: Any, wrong: str, authority: Authority, tmp_path: Path
) -> None:
    name = "DNS:other.example" if wrong == "name" else "IP:127.0.0.1"
    context = authority.issue(f"{mode}-{wrong}", name).server()
    tls = MailTls(mode=mode, ca=authority.certificate)
    if wrong == "authority":
        tls = replace(tls, ca=None)
    elif wrong == "pin":
        tls = replace(tls, pin=("0" * 64,))
    elif wrong == "file":
        tls = replace(tls, ca=tmp_path / "gone.pem")
    box = Box()
    way = {"starttls": context} if mode == "starttls" else {"implicit": context}
    async with mailbox(box, **way) as port:
        result = await send(port, tls=tls)
    assert isinstance(result, NotSent)
    assert result.reason.startswith("TLS: ")
    expected = {"pin": "is not pinned", "file": "cannot use"}.get(wrong, "certificate")
    assert expected in result.reason
    assert box.mails == []


async def test_a_server_name_of_its_own(authority: Authority) -> None:
    issued = authority.issue("relay", "DNS:relay.example")
    tls = MailTls(
        mode="tls",
        ca=authority.certificate,
        server_name="relay.example",
        pin=(issued.fingerprint,),
    )
    async with mailbox(Box(), implicit=issued.server()) as port:
        assert isinstance(await send(port, tls=tls), Reply)


async def test_nothing_is_sent_where_starttls_is_not_offered() -> None:
    box = Box()
    async with mailbox(box) as port:
        result = await send(port, tls="starttls")
    assert result == NotSent("EHLO: the server does not offer STARTTLS")
    assert box.mails == []


async def test_what_was_said_before_starttls_is_forgotten(
    authority: Authority,
) -> None:
    """Answers put behind that to STARTTLS in the clear are not taken for the server's
    (RFC 3207 §4.2)."""
    context = authority.issue("injected", "IP:127.0.0.1").server()
    async with wire_peer() as peer:
        tls = MailTls(ca=authority.certificate)
        sending = asyncio.create_task(send(peer.port, tls=tls))
        connection = await peer.connection()
        connection.send(b"220 mail.example\r\n")
        await connection.read_until(b"\r\n")
        connection.send(b"250-mail.example\r\n250 STARTTLS\r\n")
        await connection.read_until(b"\r\n")
        connection.send(b"220 go\r\n250 injected\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        await connection.start_tls(context)
        assert (await connection.read_until(b"\r\n")).startswith(b"ehlo ")
        connection.reset()
        result = await sending
    await settle()
    assert isinstance(result, NotSent)


# --- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("mail", "451 4.3.0 come again"),
        ("mail", "550 5.7.1 not you"),
        ("rcpt", "450 4.2.1 greylisted"),
        ("rcpt", "550 5.1.1 nobody of that name"),
        ("data", "452 4.3.1 disk full"),
        ("data", "554 5.6.0 not such a text"),
    ],
)
async def test_refused(step: str, answer: str) -> None:
    box = Box(**{step: answer})
    async with mailbox(box) as port:
        reply = await send(port)
    code, _, text = answer.partition(" ")
    assert reply == Reply(
        status=int(code), body=text.encode(), node=f"127.0.0.1:{port}"
    )
    assert box.mails == []


# --- a server that misbehaves --------------------------------------------------------


class Talk:
    """A conversation up to some step, as a server has it."""

    def __init__(self, connection: WireConnection) -> None:
        self.connection = connection

    async def to(self, step: str) -> None:
        """Read that command, having answered all before it."""
        self.connection.send(b"220 mail.example\r\n")
        for verb, answer in [
            ("EHLO", b"250 mail.example\r\n"),
            ("MAIL", b"250 OK\r\n"),
            ("RCPT", b"250 OK\r\n"),
            ("DATA", b"354 go\r\n"),
        ]:
            line = await self.connection.read_until(b"\r\n")
            assert line.upper().startswith(verb.encode())
            if verb == step:
                return
            self.connection.send(answer)
        await self.connection.read_until(b"\r\n.\r\n")


async def against(
    behave: Callable[[Talk], Any], step: str, **changes: Any
) -> Reply | NotSent | Ambiguous:
    """Send to a server that does that instead of answering that step."""
    async with wire_peer() as peer:
        sending = asyncio.create_task(send(peer.port, **changes))
        talk = Talk(await peer.connection())
        if step != "greeting":
            await talk.to(step)
        behave(talk)
        return await sending


STEPS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"]


@pytest.mark.parametrize("step", STEPS)
async def test_cut_off(step: str) -> None:
    """Only what may have been the end of a mail is ambiguous."""
    result = await against(lambda talk: talk.connection.reset(), step)
    assert isinstance(result, Ambiguous if step == "end" else NotSent)


@pytest.mark.parametrize("step", STEPS)
async def test_no_smtp(step: str) -> None:
    result = await against(lambda talk: talk.connection.send(b"<html>\r\n"), step)
    assert isinstance(result, Ambiguous if step == "end" else NotSent)
    assert "html" not in result.reason


@pytest.mark.parametrize("step", ["greeting", "MAIL", "end"])
async def test_service_not_available(step: str) -> None:
    result = await against(lambda talk: talk.connection.send(b"421 later\r\n"), step)
    assert isinstance(result, Reply)
    assert (result.status, result.body) == (421, b"later")


async def test_silence() -> None:
    # All at once: each takes as long as a machine may stall.
    results = await asyncio.gather(
        *(against(lambda _: None, step, response_timeout=4.0) for step in STEPS)
    )
    for step, result in zip(STEPS, results, strict=True):
        assert isinstance(result, Ambiguous if step == "end" else NotSent), step
        assert "timed out" in result.reason


async def test_an_answer_that_never_ends() -> None:
    """Each line is in time; together they are not."""

    async def drip(connection: WireConnection) -> None:
        while True:
            connection.send(b"250-and\r\n")
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        drips = []

        def behave(talk: Talk) -> None:
            drips.append(group.create_task(drip(talk.connection)))

        limits = {"connect_timeout": 1.0, "response_timeout": 3.0}
        before, after = await asyncio.gather(
            against(behave, "MAIL", **limits), against(behave, "end", **limits)
        )
        for task in drips:
            task.cancel()
    assert before == NotSent("MAIL: took longer than 7 s")
    assert after == Ambiguous("end of the mail: took longer than 7 s")


async def test_no_listener() -> None:
    async with wire_peer() as peer:
        port = peer.port
    result = await send(port)
    assert isinstance(result, NotSent)
    assert "refused" in result.reason


async def test_no_such_name() -> None:
    call = MailCarrier(settings(25)).exchange(CALL, "no such name:25")
    assert isinstance(await call, NotSent)


async def test_whoever_gives_up_closes_the_connection() -> None:
    async with wire_peer() as peer:
        sending = asyncio.create_task(send(peer.port))
        talk = Talk(await peer.connection())
        await talk.to("MAIL")
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await talk.connection.read_to_end() == b""
    await eventually(sending.cancelled)


async def test_whoever_gives_up_within_the_content_sends_no_end() -> None:
    content = b"A: b\r\n\r\n" + b"x" * 16 * 2**20
    async with wire_peer() as peer:
        call = MailCall(**{**_fields(CALL), "content": content})
        sending = asyncio.create_task(send(peer.port, call))
        connection = await peer.connection()
        await Talk(connection).to("DATA")
        connection.send(b"354 go\r\n")
        assert await connection.read(100) == content[:100]
        # More than sockets and their readers take in: it is being written.
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        rest = await connection.read_to_end()
    assert len(rest) < len(content) - 100


async def test_ipv6() -> None:
    box = Box()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: SMTP(box), "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with server:
        port = server.sockets[0].getsockname()[1]
        config = replace(settings(port), server=Endpoint("::1", port))
        reply = await MailCarrier(config).exchange(CALL, config.nodes[0])
    assert isinstance(reply, Reply)
    assert reply.node == f"[::1]:{port}"
    assert len(box.mails) == 1


async def test_what_is_no_mail_is_a_bug() -> None:
    with pytest.raises(TypeError, match="is no mail"):
        await MailCarrier(settings(25)).exchange(HttpCall(operation="x"), "a:25")


async def test_nothing_is_sent_once_it_is_closed() -> None:
    async with wire_peer() as peer:
        carrier = MailCarrier(settings(peer.port))
        await carrier.close()
        result = await carrier.exchange(CALL, f"127.0.0.1:{peer.port}")
        assert result == NotSent("the connector has stopped")
        assert peer.accepted == 0


async def test_another_response_timeout_counts_at_once() -> None:
    async with wire_peer() as peer:
        carrier = MailCarrier(settings(peer.port))
        carrier.configure(response_timeout=0.2)
        result = await carrier.exchange(CALL, f"127.0.0.1:{peer.port}")
    assert result == NotSent("greeting: Connection unexpectedly closed: timed out")


async def test_a_line_break_in_an_address_is_no_command() -> None:
    box = Box()
    async with mailbox(box) as port:
        call = MailCall(**{**_fields(CALL), "recipient": "b@example.net>\r\nDATA"})
        assert isinstance(await send(port, call), NotSent)
    assert box.mails == []
