"""``esmed send --csv``: a file of messages, sent in batches.

Each batch has an Idempotency-Key made of the run's and of what it holds, so it can be
sent again whenever its answer is lost; and a run that broke off can be repeated with
``--resume`` and sends nothing twice. A daemon that is busy is waited for. Memory holds
one batch, however long the file is.
"""

# ruff: noqa: T201 - the terminal is its interface

import argparse
import asyncio
import csv
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import msgspec

from esmed.csvfile import LONGEST_LINE, BadRow, CsvError, Reader, Row
from esmed.progress import Progress, Tally
from esmed.remote import ClientError, Daemon

BATCH: Final = 1000
_BATCH_OCTETS: Final = 1 << 20  # a good deal less than http.max_body usually is
_PATIENCE: Final = 300.0  # seconds that a daemon may be away, once it was there
_PAUSE: Final = 1.0, 60.0  # seconds, the shortest and the longest
_DRAW_EVERY: Final = 0.1  # seconds
_ASKED_AT_ONCE: Final = 16
_ID_OCTETS: Final = 37  # with its line end
_BUSY: Final = frozenset({429, 503})
_AWAY: Final = frozenset({None, 500, 502, 504})
_GOOD: Final = frozenset({"delivered", "sent"})


async def send(
    daemon: Daemon, args: argparse.Namespace, defaults: Mapping[str, object]
) -> int:
    """Send the messages of ``args.csv``; the exit code. ClientError."""
    with ExitStack() as stack:
        file, size = _opened(args.csv, stack)
        tally = Tally()
        try:
            rows = Reader(_lines(file, tally), only_known=args.ignore_unknown)
        except CsvError as exc:
            raise ClientError(f"{args.csv}: {exc}") from exc
        rejects = None
        if args.rejects is not None:
            rejects = _Rejects(_created(args.rejects, stack), rows)
        ids = stack.enter_context(tempfile.TemporaryFile()) if args.wait else None
        screen = _Screen(Progress(size, time.monotonic()), tally)
        run = _Run(
            daemon,
            key=args.resume or secrets.token_hex(4),
            defaults=defaults,
            screen=screen,
            rejects=rejects,
            ids=ids,
        )
        screen.say(f"should it break off: --resume {run.key} sends nothing twice")
        try:
            await run.send(rows, args.batch)
        except ClientError as exc:
            screen.close()
            raise ClientError(f"{exc}\n{run.state()}") from exc
        except asyncio.CancelledError:
            screen.close()
            print(run.state(), file=sys.stderr)
            raise
        screen.close()
        print(f"{tally.accepted:,} accepted, {tally.refused:,} refused")
        good = not tally.refused
        if ids is not None:
            good = await _ended(daemon, ids, tally.accepted, screen) and good
        return 0 if good else 1


class _Run:
    """One way through a file."""

    def __init__(
        self,
        daemon: Daemon,
        *,
        key: str,
        defaults: Mapping[str, object],
        screen: "_Screen",
        rejects: "_Rejects | None",
        ids: BinaryIO | None,
    ) -> None:
        self.key = key
        self.done = 0
        """Everything up to this line is settled."""
        self._daemon = daemon
        self._defaults = defaults
        self._screen = screen
        self._tally = screen.tally
        self._rejects = rejects
        self._ids = ids
        self._reached = False

    def state(self) -> str:
        """Return how far it came, and how it goes on."""
        where = f"after line {self.done}" if self.done else "at the beginning"
        tally = self._tally
        return (
            f"broke off {where}; {tally.accepted:,} accepted, {tally.refused:,}"
            f" refused\nto go on, sending nothing twice: --resume {self.key}"
        )

    async def send(self, rows: Reader, most: int) -> None:
        """Send them all; those that are no message are refused here."""
        batch: list[Row] = []
        octets = 0
        for row in rows:
            self._tally.rows += 1
            if isinstance(row, BadRow):
                self._refuse(row.line, row.cells, row.reason)
                continue
            batch.append(row)
            octets += sum(map(len, row.cells))
            if len(batch) >= most or octets >= _BATCH_OCTETS:
                await self._submit(batch)
                batch, octets = [], 0
        if batch:
            await self._submit(batch)

    async def _submit(self, batch: Sequence[Row]) -> None:
        body = msgspec.json.encode(
            {"defaults": self._defaults, "messages": [row.message for row in batch]}
        )
        try:
            answer = await self._asked(body, batch[0].line)
        except ClientError as exc:
            if exc.status != 413 or len(batch) == 1:
                raise
            middle = len(batch) // 2
            await self._submit(batch[:middle])
            await self._submit(batch[middle:])
            return
        for row, item in zip(batch, answer["messages"], strict=True):
            if "id" not in item:
                self._refuse(row.line, row.cells, _reason(item["error"]))
            elif self._ids is not None:
                self._ids.write(f"{item['id']}\n".encode())
        self._tally.accepted += answer["accepted"]
        self.done = batch[-1].line
        self._screen.draw()

    async def _asked(self, body: bytes, line: int) -> Any:
        """Return the answer, however long the daemon is busy."""
        digest = hashlib.sha256(body).hexdigest()[:16]
        pause, away_since = _PAUSE[0], None
        while True:
            try:
                answer = await self._daemon.ask(
                    "POST",
                    "/v1/messages/batch",
                    body,
                    key=f"{self.key}-{line}-{digest}",
                )
            except ClientError as exc:
                if exc.status in _BUSY:
                    away_since = None
                elif exc.status in _AWAY and self._reached:
                    away_since = away_since or time.monotonic()
                    if time.monotonic() - away_since > _PATIENCE:
                        raise
                else:
                    raise
                self._tally.note = f"waits: {str(exc).splitlines()[0]}"
                self._screen.draw(at_once=True)
                await asyncio.sleep(min(exc.retry_after or pause, _PAUSE[1]))
                pause = min(pause * 2, _PAUSE[1])
            else:
                self._reached = True
                self._tally.note = ""
                return answer

    def _refuse(self, line: int, cells: Sequence[str], reason: str) -> None:
        self._tally.refused += 1
        if self._rejects is None:
            self._screen.say(f"line {line}: {reason}")
        else:
            self._rejects.write(line, cells, reason)
        self._screen.draw()


class _Rejects:
    """A file of rows to mend and send again: with why, in columns left out then."""

    def __init__(self, file: TextIO, rows: Reader) -> None:
        self._writer = csv.writer(file, delimiter=rows.delimiter)
        self._width = len(rows.columns)
        self._writer.writerow([*rows.columns, "_line", "_error"])

    def write(self, line: int, cells: Sequence[str], reason: str) -> None:
        """Add a row."""
        row = [*cells, *[""] * (self._width - len(cells))]
        self._writer.writerow([*row[: self._width], line, reason])


class _Screen:
    """stderr, with the progress in its last line if it is a terminal."""

    def __init__(self, progress: Progress, tally: Tally) -> None:
        self.tally = tally
        self._progress = progress
        self._shows = sys.stderr.isatty()
        self._drawn = float("-inf")

    def draw(self, *, at_once: bool = False) -> None:
        """Show the present state, unless that was done a moment ago."""
        now = time.monotonic()
        if self._shows and (at_once or now - self._drawn >= _DRAW_EVERY):
            self._drawn = now
            width = shutil.get_terminal_size().columns
            line = self._progress.line(self.tally, now, width)
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """Write a line above the progress."""
        print(f"\r\x1b[K{line}" if self._shows else line, file=sys.stderr)
        self._drawn = float("-inf")

    def close(self) -> None:
        """Show the last state, and leave the line."""
        if self._shows:
            self.draw(at_once=True)
            print(file=sys.stderr)


async def _ended(daemon: Daemon, ids: BinaryIO, count: int, screen: _Screen) -> bool:
    """Wait until all have ended and tell how; whether all did well."""
    ids.seek(0)
    states: Counter[str] = Counter()
    turn = asyncio.Lock()

    async def watch() -> None:
        while True:
            async with turn:
                id_ = ids.read(_ID_OCTETS).decode().strip()
            if not id_:
                return
            states[await _end(daemon, id_)] += 1
            screen.tally.note = f"{states.total():,} of {count:,} have ended"
            screen.draw()

    await asyncio.gather(*(watch() for _ in range(_ASKED_AT_ONCE)))
    screen.close()
    for state, number in states.most_common():
        print(f"{number:,} {state}")
    return set(states) <= _GOOD


async def _end(daemon: Daemon, id_: str) -> str:
    pause, longest = 0.1, 5.0
    while True:
        message = await daemon.ask("GET", f"/v1/messages/{id_}")
        if message["final"]:
            return str(message["state"])
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, longest)


def _opened(path: str, stack: ExitStack) -> tuple[BinaryIO, int | None]:
    """Return the file and its size, if it has one."""
    if path == "-":
        return sys.stdin.buffer, None
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed by the stack
    except OSError as exc:
        raise ClientError(f"{path}: {(exc.strerror or str(exc)).lower()}") from exc
    stack.enter_context(file)
    status = os.fstat(file.fileno())
    return file, status.st_size if stat.S_ISREG(status.st_mode) else None


def _created(path: Path, stack: ExitStack) -> TextIO:
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as exc:
        raise ClientError(f"{path}: {(exc.strerror or str(exc)).lower()}") from exc
    return stack.enter_context(file)


def _lines(file: BinaryIO, tally: Tally) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        tally.octets += len(line)
        yield line


def _reason(problem: Mapping[str, Any]) -> str:
    """Return why a message was refused, without its place in the batch."""
    reasons = [
        f"{error['field'].partition('.')[2]}: {error['message']}"
        for error in problem.get("errors", ())
    ]
    return "; ".join(reasons) or str(problem["detail"])
