"""What a connector writes, and what becomes of it. Pure: session and time are given.

A slot of the window is taken when a part is written and freed by `Sender.release`, when
the outcome is on disk; or at once where there is no outcome, because the SMSC said
ESME_RTHROTTLED and the part goes back to its place in the backlog.
"""

from collections.abc import Sequence
from typing import Final

from esmed.connector import Usage
from esmed.metrics import ConnectorMetrics, Limit
from esmed.models import (
    Accepted,
    Fault,
    FaultClass,
    Millis,
    Outcome,
    PartResult,
    Rejected,
    Unknown,
)
from esmed.smpp.backlog import Backlog, Piece
from esmed.smpp.config import Config
from esmed.smpp.congestion import Congestion
from esmed.smpp.encoding import Encoder
from esmed.smpp.events import Late, Responded
from esmed.smpp.pace import FIRST_PAUSE, Pace
from esmed.smpp.session import Session
from esmed.smpp.status import Statuses
from esmed.smpp.throttle import Throttle
from pdu import DataSmResp, EncodeError, Pdu, SubmitSmResp

Written = tuple[Piece, Millis]
"""What a session carries for us beside each request: the part, and when it left."""


class Sender:
    """Backlog, window, rate and throttle of one connector.

    ``now`` is in seconds of the clock that its sessions go by. All of it is the
    account's, whichever host the parts go to.
    """

    def __init__(
        self, name: str, encoder: Encoder, config: Config, metrics: ConnectorMetrics
    ) -> None:
        self.backlog: Final = Backlog(config.shares.in_order)
        self.throttle: Final = Throttle()
        self.pace = _pace(config)
        self.used = 0
        """Slots of the window: parts unanswered, or not yet on disk."""
        self._name = name
        self._encoder = encoder
        self._config = config
        self._window = config.window
        self._congestion = Congestion()
        self._statuses = Statuses(config.statuses)
        self._status = metrics.submit_status
        self._seconds = metrics.submit_seconds
        self._unknown = metrics.unknown_outcomes

    def configure(self, encoder: Encoder, config: Config) -> None:
        """Go by other settings from the next part on."""
        before, self._config = self._config, config
        self._encoder = encoder
        self._window = config.window
        if config.shares != before.shares:
            self.backlog.share(config.shares.in_order)
        if (config.rate, config.adaptive) != (before.rate, before.adaptive):
            # What was learned from refusals was learned under another ceiling.
            self.pace = _pace(config)

    def usage(self) -> Usage:
        """Return how full the window is, and the rate."""
        return Usage(self.used, self._window, self.pace.rate, self.pace.ceiling)

    def room(self, now: float) -> int:
        """How many parts may be written now."""
        room = self._window - self.used
        probes = self.throttle.room(now)
        if probes is not None:
            room = min(room, probes)
        if room > 0:
            allowed = self.pace.available(now)
            if allowed is not None:
                room = min(room, allowed)
        return max(room, 0)

    def limit(self, now: float) -> Limit | None:
        """What stops writing now, if anything here does.

        ``throttle`` is the SMSC's doing: a pause, or a rate that its refusals hold
        below the ceiling; ``rate`` is the ceiling itself.
        """
        if self.throttle.active:
            return "throttle"
        if self.used >= self._window:
            return "window"
        if self.pace.available(now) == 0:
            return "throttle" if self.pace.adapted else "rate"
        return None

    def next_at(self, now: float) -> float | None:
        """When there will be room by the mere passing of time, if not now."""
        if self.throttle.active:
            return self.throttle.next_at()
        return self.pace.next_at(now)

    def write(
        self, sessions: Sequence[Session], host: str, now: float, wall: Millis
    ) -> tuple[list[Piece], list[PartResult]]:
        """Write as much of the backlog as there is room for.

        Each part goes to the session of that host which waits for the fewest answers.
        Returns what is not to be written any more and the outcomes of what cannot be:
        they take a slot as if they had been.
        """
        dropped: list[Piece] = []
        results: list[PartResult] = []
        backlog = self.backlog
        room, written = self.room(now), 0
        session = sessions[0]
        while written < room and backlog:
            piece = backlog.take()
            job = piece[1]
            if job.stopped or job.queued.expires_at <= wall:
                dropped.append(piece)
                continue
            if len(sessions) > 1:
                session = min(sessions, key=_load)
            fault = self._submit(session, piece, now, wall)
            if fault is None:
                written += 1
                continue
            self.used += 1
            refused = Rejected(fault)
            results.append(self._result((piece, wall), host, None, wall, refused))
        self.used += written
        self.pace.take(written, now)
        return dropped, results

    def answered(
        self, event: Responded, host: str, now: float, wall: Millis
    ) -> PartResult | None:
        """What became of a part; None if it waits in the backlog again."""
        pdu: Pdu = event.pdu
        written: Written = event.context
        self._status[pdu.status].inc()
        self._seconds.observe(now - event.sent_at)
        number, job, _ = written[0]
        action = self._statuses.action(pdu.status) if pdu.status else None
        if action == "throttle":
            self.used -= 1
            self.backlog.put_back(written[0])
            if self.throttle.news(event.sent_at):
                self.throttle.begin(self.pace.refused(now), now)
            else:
                self.throttle.refused(number, now)
            return None
        self.pace.accepted(now)
        if action != "queue_full":
            self._congestion.other(now)
        elif job.queued.tries:
            # A phone that is still full says nothing of others, and such messages come
            # one after the other when their time has come.
            self.throttle.lost(number)
        elif self._congestion.full(job.queued.request.to, now):
            # It is told all the same, for the next one to go is another number's.
            if self.throttle.news(event.sent_at):
                self.throttle.begin(FIRST_PAUSE, now)
            else:
                self.throttle.refused(number, now)
        if self.throttle.settled(number):
            self._congestion.clear()
        return self._result(written, host, event.sequence, wall, self._outcome(pdu))

    def unanswered(
        self, written: Written, sequence: int, host: str, wall: Millis, reason: str
    ) -> PartResult:
        """The outcome of a part that was given up."""
        self._unknown.inc()
        self.throttle.lost(written[0][0])
        return self._result(written, host, sequence, wall, Unknown(reason))

    def answered_late(self, event: Late, host: str, wall: Millis) -> PartResult:
        """The outcome after all of a part that had been given up."""
        self._status[event.pdu.status].inc()
        outcome = self._outcome(event.pdu)
        return self._result(event.context, host, event.sequence, wall, outcome)

    def release(self, count: int) -> None:
        """Free slots of outcomes that are on disk."""
        self.used -= count

    def _outcome(self, pdu: Pdu) -> Outcome:
        if pdu.status:
            return self._statuses.outcome(pdu.status)
        if isinstance(pdu, SubmitSmResp | DataSmResp):
            return Accepted(pdu.message_id)
        fault = Fault(FaultClass.PROTOCOL, 0, "generic_nack without an error")
        return Rejected(fault)

    def _submit(
        self, session: Session, piece: Piece, now: float, wall: Millis
    ) -> Fault | None:
        number, job, part = piece
        queued = job.queued
        try:
            pdu = self._encoder.submit_sm(
                queued.request, job.plan, part, queued.expires_at, wall
            )
            if isinstance(pdu, Fault):
                return pdu
            session.submit(pdu, now, (piece, wall))
        except EncodeError as error:
            return Fault(FaultClass.MESSAGE, error.field or None, str(error))
        self.throttle.written(number)
        return None

    def _result(
        self,
        written: Written,
        host: str,
        sequence: int | None,
        answered_at: Millis,
        outcome: Outcome,
    ) -> PartResult:
        (_, job, part), at = written
        return PartResult(
            seq=job.queued.seq,
            part=part,
            connector=self._name,
            host=host,
            sequence=sequence,
            at=at,
            answered_at=answered_at,
            outcome=outcome,
            reason=job.reason,
        )


def _pace(config: Config) -> Pace:
    return Pace(config.rate, adaptive=config.adaptive)


def _load(session: Session) -> int:
    return session.unanswered
