"""The messages an SMSC has taken: kept for query_sm, counted, put together, read.

The newest `keep` are kept. What has to be cut, decoded or joined is so only when
somebody asks.
"""

from collections import deque
from itertools import islice
from typing import Final

import msgspec

from esmed.simulator.outcomes import Outcome
from esmed.simulator.wire import Submission
from pdu import EsmClass, MessageState, Tag, national, tlv, udh
from pdu.segment import decode_texts


class Message(msgspec.Struct, gc=False):
    """A submission that was accepted, and how far its receipts are.

    `at` is wall time, `final_at` of the event loop's clock. `reported` receipts have
    gone out.
    """

    number: int
    message_id: bytes
    system_id: str
    at: float
    final_at: float
    submission: Submission
    outcome: Outcome
    reported: int = 0
    cancelled: bool = False

    def state(self, now: float) -> MessageState:
        """What query_sm says of it."""
        if self.cancelled:
            return MessageState.DELETED
        if now < self.final_at:
            return MessageState.ENROUTE
        reports = self.outcome.reports
        return reports[-1].state if reports else MessageState.DELIVERED


class Received(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A message as its sender meant it, its parts joined.

    `number` and `at` are those of the part that completed it. `text` is None for
    binary; `data` is the payload in hex, without user data headers.
    """

    number: int
    ids: list[str]
    at: float
    system_id: str
    from_: str
    to: str
    text: str | None
    data: str
    data_coding: int
    parts: int


class Ledger:
    """Every message accepted, newest last."""

    def __init__(self, keep: int, alphabet: str) -> None:
        self._keep: Final = keep
        self._kept: deque[Message] = deque()
        self._by_id: dict[bytes, Message] = {}
        self._copies: dict[bytes, int] = {}
        self._joiner = _Joiner(keep, alphabet)
        self._joined = 0
        self._received: list[Received] = []
        self.duplicates = 0
        """Messages whose addresses and payload are those of one kept before."""

    def add(self, message: Message) -> None:
        """Keep it, and forget the oldest."""
        self._kept.append(message)
        self._by_id[message.message_id] = message
        key = message.submission.key
        copies = self._copies.get(key, 0)
        self._copies[key] = copies + 1
        if copies:
            self.duplicates += 1
        if len(self._kept) > self._keep:
            self._forget(self._kept.popleft())

    def get(self, message_id: bytes) -> Message | None:
        """The message with this id, as submit_sm_resp gave it."""
        return self._by_id.get(message_id)

    def received(self, after: int = 0, limit: int | None = None) -> list[Received]:
        """The whole messages whose `number` is above `after`, oldest first."""
        self._join()
        found = (each for each in self._received if each.number > after)
        return list(islice(found, limit))

    @property
    def incomplete(self) -> int:
        """Sets of parts that have not come whole."""
        self._join()
        return self._joiner.incomplete

    def _forget(self, message: Message) -> None:
        del self._by_id[message.message_id]
        key = message.submission.key
        copies = self._copies.pop(key) - 1
        if copies:
            self._copies[key] = copies

    def _join(self) -> None:
        for message in self._news():
            whole = self._joiner.add(message)
            if whole is not None:
                self._received.append(whole)
            self._joined = message.number
        del self._received[: -self._keep]

    def _news(self) -> list[Message]:
        news = []
        for message in reversed(self._kept):
            if message.number <= self._joined:
                break
            news.append(message)
        news.reverse()
        return news


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    part: int
    reference: tuple[str, int]


class _Joiner:
    """Puts parts together, in whatever order they came; repeated ones count once."""

    def __init__(self, keep: int, alphabet: str) -> None:
        self._keep = keep
        self._alphabet = alphabet
        self._sets: dict[tuple[object, ...], dict[int, Message]] = {}
        self._done: dict[tuple[object, ...], dict[int, bytes]] = {}

    @property
    def incomplete(self) -> int:
        return len(self._sets)

    def add(self, message: Message) -> Received | None:
        """The whole message, if this was its last part."""
        submission = message.submission
        part = _part(submission)
        if part is None:
            return self._whole([message])
        key = (
            message.system_id,
            submission.source,
            submission.destination,
            part.reference,
            part.total,
        )
        # A part again, although the message is whole: sent twice. The same place with
        # another text: the reference is used anew.
        if self._done.get(key, {}).get(part.part) == submission.payload:
            return None
        parts = self._sets.setdefault(key, {})
        parts.setdefault(part.part, message)
        if len(parts) < part.total:
            if len(self._sets) > self._keep:
                del self._sets[next(iter(self._sets))]
            return None
        del self._sets[key]
        self._done[key] = {n: each.submission.payload for n, each in parts.items()}
        if len(self._done) > self._keep:
            del self._done[next(iter(self._done))]
        return self._whole([parts[n] for n in sorted(parts)])

    def _whole(self, messages: list[Message]) -> Received:
        last = max(messages, key=lambda message: message.number)
        submission = last.submission
        pieces = []
        udh_length = 0
        shift = national.DEFAULT
        for message in messages:
            piece = message.submission.payload
            if message.submission.esm_class & EsmClass.UDHI:
                header, piece = udh.split(piece)
                if header is not None:
                    udh_length = header.length
                    shift = header.shift
            pieces.append(piece)
        return Received(
            number=last.number,
            ids=[message.message_id.decode() for message in messages],
            at=last.at,
            system_id=last.system_id,
            from_=submission.source.decode("latin-1"),
            to=submission.destination.decode("latin-1"),
            text=decode_texts(
                pieces, submission.data_coding, self._alphabet, udh_length, shift
            ),
            data=b"".join(pieces).hex(),
            data_coding=submission.data_coding,
            parts=len(messages),
        )


def _part(submission: Submission) -> _Part | None:
    if submission.esm_class & EsmClass.UDHI:
        header, _ = udh.split(submission.payload)
        found = header.concatenation if header is not None else None
        if found is not None and found.total > 1:
            width = "udh16" if found.wide else "udh8"
            return _Part(
                total=found.total, part=found.part, reference=(width, found.reference)
            )
    tlvs = submission.tlvs
    reference = tlv.get_int(tlvs, Tag.SAR_MSG_REF_NUM)
    total = tlv.get_int(tlvs, Tag.SAR_TOTAL_SEGMENTS) or 0
    number = tlv.get_int(tlvs, Tag.SAR_SEGMENT_SEQNUM) or 0
    if reference is None or total < 2 or not 1 <= number <= total:
        return None
    return _Part(total=total, part=number, reference=("sar", reference))
