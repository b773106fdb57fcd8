"""Kannel as Debian has it: bearerbox and smsbox, an ESME of its own."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from peers.peer import PATIENCE

_CONFIG = """
group = core
admin-port = {admin}
admin-password = peers
smsbox-port = {box}
log-file = "{folder}/bearerbox.log"
log-level = 0
box-allow-ip = "127.0.0.1"
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = esmed
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = secret
system-type = ""
msg-id-type = {ids}
enquire-link-interval = 1
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
log-file = "{folder}/smsbox.log"
log-level = 0

group = sendsms-user
username = peers
password = peers
concatenation = true
max-messages = 10

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "http://127.0.0.1:{application}/mo?from=%p&to=%P&coding=%c&charset=%C&text=%b"
"""


def missing() -> str | None:
    """Why there is none; None: there is."""
    found = shutil.which("bearerbox") and shutil.which("smsbox")
    return None if found else "kannel is not installed"


class Kannel:
    """Both boxes, bound, with an application behind them."""

    def __init__(self, url: str) -> None:
        self.port = 0
        """Where its application listens."""
        self._url = url
        self.mo: list[dict[str, str]] = []
        self.receipts: list[dict[str, str]] = []
        self._news = asyncio.Event()

    async def send(self, to: str, text: str, *, ucs2: bool) -> None:
        """Submit a message over its HTTP interface."""
        query = {
            "username": "peers",
            "password": "peers",
            "from": "Shop",
            "to": to,
            "text": text,
            "charset": "UTF-8",
            "coding": "2" if ucs2 else "0",
            "dlr-mask": "31",
            "dlr-url": f"http://127.0.0.1:{self.port}/receipt?to=%p&kind=%d&id=%F",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._url, params=query) as answer,
        ):
            assert answer.status == 202, await answer.text()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what the application has to hear for it."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def application(self) -> web.Application:
        """What smsbox calls."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self._hear)
        return application

    async def _hear(self, request: web.Request) -> web.Response:
        query = dict(parse_qsl(urlsplit(request.raw_path).query, encoding="latin-1"))
        if "charset" in query:
            # Octets in whatever charset they have inside of Kannel.
            query["text"] = query["text"].encode("latin-1").decode(query["charset"])
        heard = self.mo if request.path == "/mo" else self.receipts
        heard.append(query)
        self._news.set()
        return web.Response()


def _ports(number: int) -> list[int]:
    """Ports that nobody listens on now: Kannel has to be told."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.asynccontextmanager
async def kannel(folder: Path, smsc: int, ids: int) -> AsyncIterator[Kannel]:
    """Run it against the SMSC at that port, with that `msg-id-type`."""
    admin, box, http = _ports(3)
    sendsms = f"http://127.0.0.1:{http}/cgi-bin/sendsms"
    status = f"http://127.0.0.1:{admin}/status.txt?password=peers"
    peer = Kannel(sendsms)
    async with contextlib.AsyncExitStack() as stack:
        runner = web.AppRunner(peer.application(), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        peer.port = runner.addresses[0][1]
        values = {"admin": admin, "box": box, "http": http, "smsc": smsc}
        values |= {"ids": ids, "application": peer.port}
        config = folder / "kannel.conf"
        config.write_text(_CONFIG.format(folder=folder, **values))
        await stack.enter_async_context(_process("bearerbox", config))
        await _answers(status, b"")
        await stack.enter_async_context(_process("smsbox", config))
        await _answers(status, b"online")
        await _answers(sendsms, b"")
        yield peer


@contextlib.asynccontextmanager
async def _process(name: str, config: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        name,
        config,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
        assert process.returncode is None, f"{name} has ended by itself"
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(url: str, content: bytes) -> None:
    """Wait for an answer that has this in it."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if content in await answer.read():
                        return
            await asyncio.sleep(0.05)
