"""SMPP peers of other people's making, all handled alike.

A `Peer` is an SMSC or an ESME whose PDUs somebody else's library codes: `Script` is one
in a process of its own (peer.js with node-smpp, peer.pl with Net::SMPP), the others, of
`rust` and `clients`, run here. It answers what has to be answered by itself, notes in
`seen` what it decoded, and sends what it is told.

Commands: `send` (a PDU, its text coded by the peer, and cut by the peer if `concat` is
given: `udh8`, `udh16`, `sar` or `payload`; parts in order, `reversed` or `rotated`),
`refuse` (the next submits to a number), `enquire_link`, `unbind`.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds; only what is broken takes that long."""
HERE = Path(__file__).parent
RECEIPT = 4  # esm_class of a receipt, SMPP 3.4 §5.2.12


async def eventually(holds: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again until it holds: somebody else's state has no events."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A PDU as the peer decoded it; fields have the names of the standard."""

    command: str
    status: int
    fields: dict[str, Any]
    text: str | None
    """None: none, or octets in no alphabet the peer knows, which are in `data`."""
    data: str | None
    concat: tuple[int, int, int] | None
    """Reference, total and part."""
    id: str | None
    """What a submit_sm was given as message_id."""
    answer: int
    """The command_status it was answered with."""
    session: int
    """The number of the connection that brought a submit_sm, if the peer tells."""
    at: float
    """When it answered that, by the same clock as others, if it tells."""

    @property
    def to(self) -> str:
        return str(self.fields["destination_addr"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A message, its parts put in order and joined."""

    to: str
    text: str
    parts: tuple[Seen, ...]


class Peer(ABC):
    """One peer; `async with` what makes it."""

    name: str
    port: int = 0
    """Where an SMSC listens."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.closed = 0
        """How often a connection ended."""
        self.troubles: list[str] = []
        """What its library complained of."""
        self._news = asyncio.Event()

    @abstractmethod
    async def tell(self, do: str, **arguments: Any) -> None:
        """Have it do something."""

    async def send(self, command: str, text: str | None, **arguments: Any) -> None:
        """Send a message; `concat`, `order` and fields of the PDU."""
        extra = {
            name: arguments.pop(name)
            for name in ("concat", "order")
            if name in arguments
        }
        await self.tell("send", command=command, text=text, fields=arguments, **extra)

    async def receipt(
        self, part: Seen, id_: str, stat: str = "DELIVRD", err: str = "000"
    ) -> None:
        """Send the receipt of a submit_sm, with this id in it."""
        await self.send(
            "deliver_sm",
            f"id:{id_} sub:001 dlvrd:001 submit date:2611211200 "
            f"done date:2611211201 stat:{stat} err:{err} text:",
            esm_class=RECEIPT,
            source_addr=part.fields["destination_addr"],
            destination_addr=part.fields["source_addr"],
        )

    async def refuse(self, to: str, *statuses: int) -> None:
        """Answer the next submits to that number with these statuses."""
        await self.tell("refuse", to=to, statuses=statuses)

    def of(self, command: str) -> list[Seen]:
        """The PDUs of a kind, in order."""
        return [seen for seen in self.seen if seen.command == command]

    def accepted(self) -> list[Seen]:
        """The submit_sm that got an id."""
        return [seen for seen in self.of("submit_sm") if seen.answer == 0]

    def wholes(self, command: str) -> list[Whole]:
        """The messages of that kind that are there with all parts, as each completed.

        Receipts are left out.
        """
        found: list[Whole] = []
        begun: dict[object, dict[int, Seen]] = {}
        for seen in self.of(command):
            if seen.fields.get("esm_class", 0) & RECEIPT or seen.answer:
                continue
            reference, total, part = seen.concat or (None, 1, 1)
            key = (seen.fields["source_addr"], seen.to, reference, total)
            parts = begun.setdefault(key, {})
            assert parts.setdefault(part, seen) is seen, "a part came twice"
            if len(parts) == total:
                del begun[key]
                ordered = tuple(parts[number] for number in sorted(parts))
                found.append(Whole(to=seen.to, text=_join(ordered), parts=ordered))
        return found

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what the peer has to see for it."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            heard = [(seen.command, seen.status) for seen in self.seen]
            raise AssertionError(f"{self.name}: {self.troubles}, {heard}") from None

    async def count(self, command: str, number: int) -> list[Seen]:
        """Wait for that many PDUs of a kind."""
        await self.until(lambda: len(self.of(command)) >= number)
        return self.of(command)

    async def whole(self, number: int, command: str = "submit_sm") -> list[Whole]:
        """Wait for that many whole messages."""
        await self.until(lambda: len(self.wholes(command)) >= number)
        return self.wholes(command)

    def note(self, event: dict[str, Any]) -> None:
        """Take an event of the peer."""
        match event.pop("event"):
            case "pdu":
                place = event.get("concat")
                defaults: dict[str, Any] = {
                    **dict.fromkeys(("text", "data", "id")),
                    **dict.fromkeys(("answer", "session", "at"), 0),
                }
                concat = tuple(place) if place else None
                self.seen.append(Seen(**{**defaults, **event, "concat": concat}))
            case "closed":
                self.closed += 1
            case "listening":
                self.port = event["port"]
            case _:
                self.troubles.append(event["detail"])
        self._news.set()


def _join(parts: Sequence[Seen]) -> str:
    """What the parts say together; half a surrogate pair meets the other."""
    text = "".join(part.text or "" for part in parts)
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be")


class Script(Peer):
    """A peer in a process of its own."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self.name = name
        self._process = process

    async def tell(self, do: str, **arguments: Any) -> None:
        assert self._process.stdin is not None
        line = json.dumps({"do": do, **arguments}) + "\n"
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()

    async def read(self) -> None:
        """Take its events until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.note(json.loads(line))


@contextlib.asynccontextmanager
async def script(
    name: str, command: Sequence[str | Path], **options: Any
) -> AsyncIterator[Script]:
    """Run a script with these options; it must end well when told to."""
    process = await asyncio.create_subprocess_exec(
        *command,
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None
    peer = Script(name, process)
    reading = asyncio.create_task(peer.read())
    try:
        if options["role"] == "smsc":
            await peer.until(lambda: peer.port)
        yield peer
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE)
        assert process.returncode == 0
        assert peer.troubles == [], peer.troubles
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await asyncio.wait_for(reading, PATIENCE)


@cache
def missing(name: str) -> str | None:
    """Why there is no such peer on this machine; None: there is."""
    match name:
        case "node-smpp":
            if not shutil.which("node"):
                return "node is not installed"
            if not (HERE / "node_modules" / "smpp").exists():
                return "npm ci --prefix tests/peers has not been run"
        case "Net::SMPP":
            perl = ("perl", "-MNet::SMPP", "-MJSON::PP", "-e1")
            if (
                not shutil.which("perl")
                or subprocess.run(perl, capture_output=True, check=False).returncode
            ):
                return "libnet-smpp-perl is not installed"
        case _:
            pass
    return None


COMMANDS: dict[str, tuple[str | Path, ...]] = {
    "node-smpp": ("node", HERE / "peer.js"),
    "Net::SMPP": ("perl", HERE / "peer.pl"),
}
