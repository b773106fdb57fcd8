"""Load that knows what it sent, and the reckoning afterwards.

Every message has a destination of its own, so that what the SMSC wrote into its journal
tells whose it is, and every part a content of its own.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from fakes.hook import Hook
from system.processes import Daemon, Smsc

LOST_LINK = (aiohttp.ClientError, TimeoutError, ConnectionError)
ENDS = (10, 11, 12, 13, 14, 15, 16, 1, 4, 7)
"""Last two digits: most are delivered; 01 not, 04 later, 07 after two refusals."""
TAKEN_AT_ONCE = ENDS[:-1]
_FIRST_DESTINATION = 380_500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as it was submitted."""

    reference: str
    body: dict[str, Any]

    @property
    def at_most_once(self) -> bool:
        return bool(self.body.get("on_unknown", "resend") != "resend")


@dataclass(slots=True, kw_only=True)
class Book:
    """What was submitted and what was answered."""

    accepted: dict[str, Sent] = field(default_factory=dict)
    """By the id of the answer."""
    doubtful: dict[str, Sent] = field(default_factory=dict)
    """By reference: no answer came, so they may be there or not."""
    refused: Counter[int] = field(default_factory=Counter)
    """Other answers, by status."""
    cancelled: set[str] = field(default_factory=set)
    """The ids of those that were cancelled in time."""
    repeated: int = 0
    """Requests with a key that were sent again for want of an answer."""

    def __str__(self) -> str:
        return (
            f"{len(self.accepted)} accepted, {len(self.doubtful)} unanswered,"
            f" {self.repeated} repeated with their key, refused {dict(self.refused)}"
        )


class Load:
    """Submits continuously, in many ways, and survives the daemon's death."""

    def __init__(
        self,
        daemon: Daemon,
        book: Book,
        *,
        pause: float,
        seed: int,
        at_most_once: float = 0.24,
        ends: Sequence[int] = ENDS,
        cancels: float = 0.0,
    ) -> None:
        self._daemon = daemon
        self._book = book
        self._pause = pause
        self._at_most_once = at_most_once
        """The share of messages with hold or fail, half of them each."""
        self._ends = ends
        self._cancels = cancels
        """The share of single messages that is cancelled at once, if that can be."""
        self._random = random.Random(seed)
        self._count = 0
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, workers: int) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(workers)]

    async def stop(self) -> None:
        """End; requests with a key are repeated until they are answered."""
        self._ending = True
        await asyncio.gather(*self._tasks)

    def cancel(self) -> None:
        """End at once: the test has failed."""
        for task in self._tasks:
            task.cancel()

    async def _work(self) -> None:
        while not self._ending:
            draw = self._random.random()
            if draw < 0.1:
                await self._batch(self._random.randint(2, 30), key=False)
            elif draw < 0.15:
                await self._batch(self._random.randint(2, 30), key=True)
            else:
                await self._single(key=draw < 0.3)
            await asyncio.sleep(self._pause * self._random.random() * 2)

    def _message(self) -> Sent:
        self._count += 1
        number = self._count
        draw = self._random.random()
        text = f"message {number}"
        if draw < 0.1:
            text = f"{number:07} " * 50  # three parts, none like another
        elif draw < 0.15:
            text = f"повідомлення {number} " * 5  # two
        body: dict[str, Any] = {
            "to": str(
                _FIRST_DESTINATION + number * 100 + self._random.choice(self._ends)
            ),
            "from": "Shop",
            "text": text,
            "reference": f"r{number}",
        }
        draw = self._random.random()
        if draw < 0.2:
            body["priority"] = self._random.choice(("high", "bulk"))
        draw = self._random.random()
        if draw < self._at_most_once / 2:
            body["on_unknown"] = "hold"
        elif draw < self._at_most_once:
            body["on_unknown"] = "fail"
        return Sent(reference=f"r{number}", body=body)

    async def _single(self, *, key: bool) -> None:
        sent = self._message()
        status, answer = await self._post("/v1/messages", sent.body, [sent], key=key)
        if status == 202:
            self._book.accepted[answer["id"]] = sent
            if self._random.random() < self._cancels:
                await self._cancel(answer["id"])

    async def _cancel(self, id_: str) -> None:
        with contextlib.suppress(*LOST_LINK):
            status, _ = await self._daemon.ask("DELETE", f"/v1/messages/{id_}")
            if status == 200:
                self._book.cancelled.add(id_)

    async def _batch(self, size: int, *, key: bool) -> None:
        messages = [self._message() for _ in range(size)]
        body = {"messages": [sent.body for sent in messages]}
        status, answer = await self._post("/v1/messages/batch", body, messages, key=key)
        if status == 200:
            assert answer["accepted"] == size, answer
            for sent, item in zip(messages, answer["messages"], strict=True):
                self._book.accepted[item["id"]] = sent

    async def _post(
        self, path: str, body: object, messages: Sequence[Sent], *, key: bool
    ) -> tuple[int, Any]:
        headers = {"Idempotency-Key": messages[0].reference} if key else {}
        while True:
            try:
                status, answer = await self._daemon.ask(
                    "POST", path, body, headers=headers
                )
            except LOST_LINK:
                if key:
                    self._book.repeated += 1
                    await asyncio.sleep(0.05)
                    continue
                for sent in messages:
                    self._book.doubtful[sent.reference] = sent
                await asyncio.sleep(0.05)
                return 0, None
            if status not in {200, 202}:
                self._book.refused[status] += 1
                await asyncio.sleep(0.05)
                if key and status == 503:
                    continue
            return status, answer


class Phones:
    """Subscribers who write all the time, each message unlike the others."""

    def __init__(self, smsc: Smsc, seed: int) -> None:
        self.sent: list[str] = []
        """What they wrote."""
        self._smsc = smsc
        self._random = random.Random(seed)
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End."""
        self._ending = True
        assert self._task is not None
        await self._task

    def cancel(self) -> None:
        """End at once: the test has failed."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while not self._ending:
            number = len(self.sent)
            long = self._random.random() < 0.4
            text = f"{number:05} answer " * (40 if long else 1)
            body: dict[str, Any] = {"from": f"38067{number:07}", "text": text}
            if long:
                body["parts_order"] = self._random.sample((1, 2, 3, 4), 4)
            await self._smsc.do("POST", "/mo", body)
            self.sent.append(text)
            await asyncio.sleep(0.1)

    def check(
        self, inbound: Iterable[Mapping[str, Any]], hooks: Iterable[Hook]
    ) -> None:
        """Fail unless each was received whole and once, and told."""
        assert Counter(each["text"] for each in inbound) == Counter(self.sent)
        told = {}
        for hook in hooks:
            event = json.loads(hook.body)
            if event["type"] == "inbound.received":
                told[hook.id] = event["data"]["text"]
        assert Counter(told.values()) == Counter(self.sent)


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the SMSC's journal."""

    at: float
    to: str
    content: str
    session: int
    """Of the connection that brought it; no other has it."""
    response: float | None
    """In how many seconds the SMSC meant to answer; None: never."""
    id: str
    """What it answered."""


def journal(*paths: Path) -> list[Part]:
    """What the SMSCs accepted, in the order of time; a last line cut off by a death is
    none."""
    parts = []
    for path in paths:
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                entry = json.loads(line)
                parts.append(
                    Part(
                        entry["at"],
                        entry["to"],
                        entry["short_message"],
                        entry["session"],
                        entry["response"],
                        entry["id"],
                    )
                )
    return sorted(parts, key=lambda part: part.at)


@dataclass(slots=True, kw_only=True)
class Reckoning:
    """What became of it all."""

    messages: int
    parts: int
    states: Counter[str]
    lost: list[str]
    """Accepted, and not there or not finished."""
    invented: list[str]
    """There, and never submitted, or there twice."""
    duplicates: int
    """Copies of parts that were there already."""
    per_break: list[int]
    """How many of them each break of a link caused, in order of size."""
    twice: list[str]
    """References of messages with hold or fail of which a part came twice."""
    unsubmitted: list[str]
    """Delivered, though the SMSC never had some part of them."""
    resplit: list[str]
    """Whose parts carry different concatenation references."""
    events: Counter[str]
    """How often messages had so many distinct terminal webhook-ids."""
    redelivered: int
    """Webhooks that came again with the same id."""

    def check(self) -> None:
        """Fail unless the promise was kept."""
        assert not self.lost, self.lost[:10]
        assert not self.invented, self.invented[:10]
        assert not self.twice, self.twice[:10]
        assert not self.unsubmitted, self.unsubmitted[:10]
        assert not self.resplit, self.resplit[:10]
        assert set(self.events) == {"1"}, self.events

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.parts} parts taken by the SMSC,"
            f" {len(self.lost)} lost, {len(self.invented)} invented,"
            f" {self.duplicates} duplicated parts, by broken link {self.per_break},"
            f" {len(self.twice)} of hold or fail; states"
            f" {dict(self.states.most_common())}; terminal webhook-ids per message"
            f" {dict(self.events)}, {self.redelivered} delivered again"
        )


def per_break(
    copies: Iterable[Sequence[Part]],
    known: Container[str],
    response_timeout: float = 30,
) -> Counter[int]:
    """How many parts were written again because of each break (kill, lost link), by
    the number of the connection that broke: which is all that can have kept an answer
    from the daemon, and breaks once.

    ``copies`` are those of one part each, in the order of time, ``known`` the ids that
    the daemon has. The copies whose id it does not have are those whose answer was
    lost: not always the first, for what was on its way to an SMSC that stood still may
    arrive after the copy over the other host. Whoever breaks a link knows neither when
    it broke nor what was in it. What the SMSC was never to answer, or not within
    ``response_timeout``, needed no break.
    """
    counts: Counter[int] = Counter()
    for of_one in copies:
        promised = [
            part
            for part in of_one
            if part.response is not None and part.response < response_timeout
        ]
        sessions = Counter(part.session for part in promised)
        assert not sessions or max(sessions.values()) == 1, (
            f"written again over the same link, and nothing broke: {of_one}"
        )
        lost = [part for part in promised if part.id not in known]
        # One of them was answered, perhaps without an id.
        counts.update(part.session for part in lost[: len(of_one) - 1])
    return counts


def ids_of(messages: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids that the daemon was answered."""
    return {
        attempt["smsc_id"]
        for message in messages
        for segment in message["segments"]
        for attempt in segment["attempts"]
    }


def reckon(
    book: Book,
    messages: Iterable[Mapping[str, Any]],
    parts: Sequence[Part],
    hooks: Sequence[Hook],
    *,
    response_timeout: float = 30,
) -> Reckoning:
    """Compare what was promised, what the daemon says, what the SMSC and hook got."""
    found = {message["id"]: message for message in messages}
    submitted = {sent.reference: sent for sent in book.accepted.values()}
    known = {**book.doubtful, **submitted}
    copies: dict[tuple[str, str], list[Part]] = defaultdict(list)
    contents: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        copies[part.to, part.content].append(part)
        contents[part.to].add(part.content)
    destinations = {sent.body["to"]: sent for sent in known.values()}
    references = Counter(message["reference"] for message in found.values())
    ids: dict[str, set[str]] = defaultdict(set)
    for hook in hooks:
        event = json.loads(hook.body)
        data = event["data"]
        if event["type"].startswith("message."):
            ids[data["id"]].add(hook.id)
            assert data["state"] == found[data["id"]]["state"], data
    return Reckoning(
        messages=len(found),
        parts=len(parts),
        states=Counter(message["state"] for message in found.values()),
        lost=[
            sent.reference
            for id_, sent in book.accepted.items()
            if id_ not in found or not found[id_]["final"]
        ],
        invented=[
            *(to for to in contents if to not in destinations),
            *(ref for ref, count in references.items() if count > 1),
            *(ref for ref in references if ref not in known),
        ],
        duplicates=len(parts) - len(copies),
        per_break=sorted(
            per_break(
                (of_one for of_one in copies.values() if len(of_one) > 1),
                ids_of(found.values()),
                response_timeout,
            ).values()
        ),
        twice=[
            destinations[to].reference
            for (to, _), of_one in copies.items()
            if len(of_one) > 1 and destinations[to].at_most_once
        ],
        unsubmitted=[
            message["reference"]
            for message in found.values()
            if message["state"] == "delivered"
            and len(contents[message["to"]]) != message["parts"]
        ],
        resplit=[
            to
            for to, whole in contents.items()
            if len({content[:8] for content in whole if content.startswith("0500")}) > 1
        ],
        events=Counter(str(len(ids[id_])) for id_ in found),
        redelivered=len(hooks) - len({hook.id for hook in hooks}),
    )
