"""A stand-in for a provider that is spoken to by mail: a small SMTP server (RFC 5321).

A fault strikes the operation ``connect``, ``recipient`` or ``send`` (the end of a
mail): `refuse` answers with its code, `close` hangs up without an answer, `delay`
answers later.
"""

import asyncio
import email
import re
import ssl
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from email.message import EmailMessage
from email.policy import default
from functools import partial
from typing import ClassVar, Final

from esmed.simulator.bridge.faults import FAULTS, ProviderFault, Refuse
from esmed.simulator.bridge.frame import ProviderSimulator
from esmed.simulator.bridge.httpfaults import Close, Delay

_LARGEST: Final = 32 * 2**20
"""Octets of a mail."""
_PATH: Final = re.compile(r"(?i)(?:FROM|TO):\s*<([^>]*)>")


class RefusedMail(Exception):  # noqa: N818 - an answer of the protocol
    """The command is answered with that reply."""


class _HungUp(Exception):  # noqa: N818 - an end, not an error
    """Nothing more is said."""


class MailSimulator(ProviderSimulator):
    """A kind says who can be written to, and what it does with a mail."""

    faults: ClassVar[Mapping[str, type[ProviderFault]]] = {
        **FAULTS,
        **{kind.kind: kind for kind in (Close, Delay)},
    }
    defaults: ClassVar[Mapping[str, str]] = {"tls": "starttls"}
    """With a certificate: ``starttls``, or ``tls`` from the first octet on."""

    tls: ssl.SSLContext | None = None

    @abstractmethod
    def check_recipient(self, address: str) -> None:
        """Raise `RefusedMail` if nobody is called so."""

    @abstractmethod
    def take_mail(self, recipient: str, mail: EmailMessage) -> str:
        """Do what a mail says; gives the reply."""

    @property
    def url(self) -> str:
        host = self.options.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def _secure(self, tls: ssl.SSLContext) -> None:
        if self.settings["tls"] == "tls":
            super()._secure(tls)
        else:
            self.tls = tls

    async def _begin(self, closing: AsyncExitStack) -> Callable[[], asyncio.Protocol]:
        talks: set[asyncio.Task[None]] = set()

        async def talk(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            task = asyncio.create_task(_Talk(self, reader, writer).run())
            talks.add(task)
            task.add_done_callback(talks.discard)

        async def hang_up() -> None:
            for task in talks:
                task.cancel()
            await asyncio.gather(*talks, return_exceptions=True)

        closing.push_async_callback(hang_up)

        def serve() -> asyncio.Protocol:
            reader = asyncio.StreamReader(limit=_LARGEST)
            return asyncio.StreamReaderProtocol(reader, talk)

        return serve


class _Talk:
    """One connection."""

    def __init__(
        self,
        simulator: MailSimulator,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._simulator = simulator
        self._reader = reader
        self._writer = writer
        self._sender: str | None = None
        self._recipient: str | None = None
        self._secure = False

    async def run(self) -> None:
        try:
            await self._converse()
        except (_HungUp, OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            # Closing in order would wait for the other side.
            self._writer.transport.abort()

    async def _converse(self) -> None:
        await self._answer("connect", lambda: "220 mail.example ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\n")).decode("ascii", "replace")
            verb, _, arguments = line.strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    self._sender = self._recipient = None
                    await self._say(self._greeting(verb.upper() == "EHLO"))
                case "STARTTLS" if self._offers_tls:
                    await self._encrypt()
                case "MAIL":
                    self._sender, self._recipient = _path(arguments), None
                    known = self._sender is not None
                    await self._say("250 2.1.0 OK" if known else "501 5.5.4 whose?")
                case "RCPT" if self._sender is not None:
                    named = partial(self._named, arguments)
                    await self._answer("recipient", named)
                case "DATA" if self._recipient is not None:
                    await self._say("354 go on")
                    await self._answer("send", partial(self._taken, await self._mail()))
                case "RSET" | "NOOP":
                    if verb.upper() == "RSET":
                        self._sender = self._recipient = None
                    await self._say("250 2.0.0 OK")
                case "QUIT":
                    await self._say("221 2.0.0 bye")
                    return
                case "RCPT" | "DATA":
                    await self._say("503 5.5.1 not yet")
                case _:
                    await self._say("502 5.5.2 what?")

    @property
    def _offers_tls(self) -> bool:
        return self._simulator.tls is not None and not self._secure

    def _greeting(self, extended: bool) -> str:
        if extended and self._offers_tls:
            return "250-mail.example\r\n250 STARTTLS"
        return "250 mail.example"

    async def _encrypt(self) -> None:
        tls = self._simulator.tls
        if tls is not None:
            await self._say("220 2.0.0 go on")
            await self._writer.start_tls(tls)
            self._secure = True

    def _named(self, arguments: str) -> str:
        address = _path(arguments) or ""
        self._simulator.check_recipient(address)
        self._recipient = address
        return "250 2.1.5 OK"

    async def _mail(self) -> EmailMessage:
        lines = []
        while (line := await self._reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        mail = email.message_from_bytes(b"".join(lines), policy=default)
        assert isinstance(mail, EmailMessage)  # noqa: S101 - that is what the policy makes
        return mail

    def _taken(self, mail: EmailMessage) -> str:
        recipient, self._sender, self._recipient = self._recipient or "", None, None
        return self._simulator.take_mail(recipient, mail)

    async def _answer(self, operation: str, act: Callable[[], str]) -> None:
        """Do what was asked, unless a fault strikes, and say what comes of it."""
        fault = self._simulator.struck(operation)
        match fault:
            case Refuse(code=code):
                await self._say(f"{code} refused")
                return
            case Close(processed=False):
                raise _HungUp
            case _:
                pass
        try:
            reply = act()
        except RefusedMail as refused:
            reply = str(refused)
        if isinstance(fault, Close):
            raise _HungUp
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        await self._say(reply)

    async def _say(self, reply: str) -> None:
        self._writer.write(f"{reply}\r\n".encode())
        with suppress(ConnectionError):
            await self._writer.drain()


def _path(arguments: str) -> str | None:
    found = _PATH.match(arguments)
    return found[1] if found else None
