"""Mails to an SMTP server, each over a connection of its own (RFC 5321).

A mail is the server's from the moment it answers the dot behind it, and may be so from
the moment that dot is written. Until then nothing has been sent, whatever happens.
"""

import asyncio
import re
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Final

from esmed.beside import beside
from esmed.bridge.base import Ambiguous, Call, MailCall, NotSent, Reply
from esmed.bridge.config import MailProviderConfig, MailTls
from esmed.errors import TransportError
from esmed.tls import check_pin, client_context, describe

_KNOWS_NO_EHLO: Final = {500, 501, 502, 504, 550}
"""RFC 5321 §4.1.4."""
_LEADING_DOT: Final = re.compile(rb"(?m)^\.")


class MailCarrier:
    """Hands mails over to the server of a configuration."""

    def __init__(self, config: MailProviderConfig) -> None:
        self._config = config
        self._closed = False

    def configure(self, *, response_timeout: float) -> None:
        """Wait so long for each answer from now on."""
        self._config = replace(self._config, response_timeout=response_timeout)

    async def exchange(self, call: Call, node: str) -> Reply | NotSent | Ambiguous:
        """Hand one over, at ``host:port``.

        The reply is the one to the mail's end, or the first of 400 and up before it.
        Whoever cancels this has to take the mail for sent.
        """
        if not isinstance(call, MailCall):
            raise TypeError(f"{call!r} is no mail")
        if self._closed:
            return NotSent("the connector has stopped")
        config = self._config
        handover = _Handover(call, node, config)
        # Each step has its own limit; this one is for a server that only drips.
        limit = config.connect_timeout + 2 * config.response_timeout
        try:
            async with asyncio.timeout(limit):
                return await beside(handover.run)
        except TimeoutError:
            return handover.ended_by(f"took longer than {limit:g} s")
        finally:
            handover.abandon()

    async def close(self) -> None:
        """Send nothing any more; between mails there are no connections."""
        self._closed = True


class _RefusedError(Exception):
    """A command was answered with 400 and up."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.reply = (code, text)


class _Handover:
    """One mail under way, in a thread that may block."""

    def __init__(self, call: MailCall, node: str, config: MailProviderConfig) -> None:
        self._call = call
        self._node = node
        self._config = config
        self._step = "TLS"
        self._lock = threading.Lock()
        self._abandoned = False
        self._finishing = False
        self._socket: socket.socket | None = None

    def run(self) -> Reply | NotSent | Ambiguous:
        """Do it, and close the connection."""
        try:
            code, text = self._hand_over()
        except _RefusedError as refused:
            code, text = refused.reply
        except (TransportError, smtplib.SMTPException, ValueError) as error:
            return self.ended_by(str(error))
        except TimeoutError:
            return self.ended_by("timed out")
        except OSError as error:
            return self.ended_by(describe(error))
        finally:
            if self._socket is not None:
                self._socket.close()
        return Reply(status=code, body=text, node=self._node)

    def ended_by(self, reason: str) -> NotSent | Ambiguous:
        """Tell what it means that there is no reply, for that reason."""
        reason = f"{self._step}: {reason}"
        return Ambiguous(reason) if self._finishing else NotSent(reason)

    def abandon(self) -> None:
        """Have the thread end soon, and not finish the mail unless it is doing so."""
        with self._lock:
            self._abandoned = True
        if self._socket is not None:
            with suppress(OSError):
                # Below TLS: the thread is in the midst of that.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    # --- in the thread ---------------------------------------------------------------

    def _hand_over(self) -> tuple[int, bytes]:
        client, connection = self._connect()
        self._command(client, "MAIL", f"FROM:<{self._call.sender}>")
        self._command(client, "RCPT", f"TO:<{self._call.recipient}>")
        if not self._call.content:
            answer = self._command(client, "RSET")
        else:
            self._command(client, "DATA", expected=354)
            self._write(connection)
            answer = _check(client.getreply(), 250)
        with suppress(OSError, smtplib.SMTPException):
            client.putcmd("QUIT")
        return answer

    def _connect(self) -> tuple[smtplib.SMTP, socket.socket]:
        """Return a client that has said EHLO, over a connection as it has to be."""
        host, _, port = self._node.rpartition(":")
        host = host.strip("[]")
        tls = self._config.encryption
        encryption = None if tls is None else _Encryption(tls, host)
        self._step = "connect"
        connection = socket.create_connection(
            (host, int(port)), self._config.connect_timeout
        )
        client = smtplib.SMTP(local_hostname=_our_name(connection))
        self._use(client, connection)
        if encryption is not None and encryption.at_once:
            connection = self._encrypt(client, connection, encryption)
        self._step = "greeting"
        _check(client.getreply(), 220)
        self._greet(client)
        if encryption is not None and not encryption.at_once:
            if not client.has_extn("starttls"):
                raise TransportError("the server does not offer STARTTLS")
            self._command(client, "STARTTLS", expected=220)
            connection = self._encrypt(client, connection, encryption)
            self._greet(client)
        return client, connection

    def _use(self, client: smtplib.SMTP, connection: socket.socket) -> None:
        """Have the client forget all that came over another one: RFC 3207 §4.2."""
        connection.settimeout(self._config.response_timeout)
        self._socket = client.sock = connection
        client.file = None
        client.esmtp_features = {}
        if self._abandoned:
            raise TransportError("given up")

    def _encrypt(
        self, client: smtplib.SMTP, plain: socket.socket, encryption: "_Encryption"
    ) -> socket.socket:
        self._step = "TLS"
        plain.settimeout(self._config.connect_timeout)
        secure = encryption.wrap(plain)
        self._use(client, secure)
        encryption.check(secure)
        return secure

    def _greet(self, client: smtplib.SMTP) -> None:
        self._step = "EHLO"
        answer = client.ehlo()
        if answer[0] in _KNOWS_NO_EHLO:
            self._step = "HELO"
            answer = client.helo()
        _check(answer, 250)

    def _command(
        self, client: smtplib.SMTP, verb: str, arguments: str = "", expected: int = 250
    ) -> tuple[int, bytes]:
        self._step = verb
        return _check(client.docmd(verb, arguments), expected)

    def _write(self, connection: socket.socket) -> None:
        content = _LEADING_DOT.sub(b"..", self._call.content)
        self._step = "content"
        connection.sendall(content + (b"" if content.endswith(b"\r\n") else b"\r\n"))
        with self._lock:
            if self._abandoned:
                raise TransportError("given up")
            self._step = "end of the mail"
            self._finishing = True
        connection.sendall(b".\r\n")


class _Encryption:
    """TLS with the server of that name; TransportError if a file cannot be used."""

    def __init__(self, tls: MailTls, host: str) -> None:
        self.at_once: Final = tls.mode == "tls"
        self._context = client_context(tls)
        self._name = tls.server_name or host
        self._pins = tls.pin

    def wrap(self, plain: socket.socket) -> ssl.SSLSocket:
        """Shake hands, and verify name and chain."""
        return self._context.wrap_socket(plain, server_hostname=self._name)

    def check(self, peer: ssl.SSLSocket) -> None:
        """Check what only we know of its certificate."""
        check_pin(peer, self._pins)


def _check(answer: tuple[int, bytes], expected: int) -> tuple[int, bytes]:
    """Return an answer of the expected hundred."""
    code, text = answer
    if 400 <= code < 600:
        raise _RefusedError(code, text)
    if code // 100 != expected // 100:
        raise TransportError(f"an answer that makes no sense: {code}")
    return answer


def _our_name(connection: socket.socket) -> str:
    """Return what EHLO says: a whole name, or our address; asks no name server."""
    name = socket.gethostname()
    if "." in name:
        return name
    address = connection.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
