"""What an SMSC does with a message: accept or refuse it, answer, report.

No task, timer or future per message: what one read of a socket brought is reported on
by one entry of the agenda.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from esmed.simulator import wire
from esmed.simulator.delivery import Delivery, Traffic
from esmed.simulator.faults import NEVER
from esmed.simulator.hooks import Plan
from esmed.simulator.identifiers import writers
from esmed.simulator.messages import Ledger, Message
from esmed.simulator.outcomes import CANCELLED, Outcomes, Report
from pdu import (
    CancelSm,
    CancelSmResp,
    CommandStatus,
    MessageState,
    QuerySm,
    QuerySmResp,
    RegisteredDelivery,
)
from pdu.smpptime import absolute
from pdu.vocabulary import RESPONSE_BIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esmed.simulator.journal import Journal
    from esmed.simulator.session import Session
    from esmed.simulator.smsc import SmscSimulator

_LONGEST_ADDRESS: Final = 23
"""Type of number, plan, 20 octets, NUL (SMPP 3.4 §5.2.8)."""
_EMPTY_ADDRESS: Final = 3
# registered_delivery, SMPP 3.4 §5.2.17, as plain integers: these are looked at for each
# message, and the arithmetic of an IntFlag costs more than all the rest of that.
_ALWAYS: Final = int(RegisteredDelivery.RECEIPT)
_ON_FAILURE: Final = int(RegisteredDelivery.RECEIPT_ON_FAILURE)
_ON_SUCCESS: Final = 3
"""SMPP 5.0's."""
_FINAL: Final = 3
"""The bits of those three."""
_INTERMEDIATE: Final = int(RegisteredDelivery.INTERMEDIATE)
_USUAL: Final = Plan()


class Intake:
    """Takes the messages of all sessions of a simulator."""

    def __init__(self, smsc: SmscSimulator, journal: Journal | None) -> None:
        options = smsc.options
        self._smsc = smsc
        self._agenda = smsc.agenda
        self._journal = journal
        self._outcomes = Outcomes(options.outcomes)
        self._form = options.receipt_form
        self._response_delay = options.response_delay
        self._receipt_delay = options.receipt_delay
        self._response_id, self._receipt_id = writers(options.id_form)
        first = options.first_id
        self._first_id = time.time_ns() // 1000 if first is None else first
        self.ledger = Ledger(options.keep, options.alphabet)
        self.receipts = Traffic()
        self.submits = 0
        self.accepted = 0
        self.refused: dict[int, int] = {}
        self.threshold = NEVER
        """At so many submits the fault schedule has something to do."""

    def take(
        self,
        session: Session,
        command: int,
        sequence: int,
        submission: wire.Submission,
    ) -> None:
        """Accept or refuse a message of a session that may transmit."""
        hooks = self._smsc.hooks
        plan = _USUAL
        if hooks.submit:
            plan = hooks.on_submit(submission.destination, self._agenda.now())
        outcome = plan.outcome or self._outcomes.of(submission.destination)
        status = plan.status or _fault_of(submission)
        if not status and outcome.status:
            refused = self._outcomes.refuses(outcome, submission.destination)
            status = outcome.status if refused else 0
        if status:
            self.refuse(session, command, sequence, status, plan)
            return
        number = self.accepted = self.accepted + 1
        message_id = self._response_id(self._first_id + number - 1)
        delay = self._response_delay + plan.delay
        reports = outcome.reports
        message = Message(
            number,
            message_id,
            session.system_id,
            time.time(),
            self._agenda.now() + delay + self._receipt_delay * len(reports),
            submission,
            outcome,
        )
        self.ledger.add(message)
        if self._journal is not None:
            answered = delay if plan.responses else None
            self._journal.add(message, session.number, answered)
        asked = submission.registered_delivery & (_FINAL | _INTERMEDIATE)
        reported = (asked or plan.unasked) and reports
        if reported and plan.receipt_first:
            self._report(session, plan, [message])
        response = wire.accepted(command | RESPONSE_BIT, sequence, message_id)
        self._respond(session, response, plan)
        if not reported or plan.receipt_first:
            pass
        elif plan is _USUAL:
            session.accepted.append(message)
        else:
            self._agenda.call_later(
                delay + self._receipt_delay,
                partial(self._report, session, plan, [message]),
            )
        self._count()

    def refuse(
        self,
        session: Session,
        command: int,
        sequence: int,
        status: int,
        plan: Plan = _USUAL,
    ) -> None:
        """Answer a message with an error."""
        self.refused[status] = self.refused.get(status, 0) + 1
        response = wire.header_only(command | RESPONSE_BIT, status, sequence)
        self._respond(session, response, plan)
        self._count()

    def settle(self, session: Session) -> None:
        """A read is dealt with: journal what it brought, and plan its receipts."""
        if self._journal is not None:
            self._journal.flush()
        if session.accepted:
            batch, session.accepted = session.accepted, []
            self._agenda.call_later(
                self._response_delay + self._receipt_delay,
                partial(self._report, session, _USUAL, batch),
            )

    def query(self, request: QuerySm) -> QuerySmResp:
        """The state of a message that is still kept."""
        message = self.ledger.get(request.message_id.encode("latin-1"))
        if message is None:
            return QuerySmResp(
                sequence=request.sequence, status=CommandStatus.ESME_RINVMSGID
            )
        now = self._agenda.now()
        state = message.state(now)
        final = ""
        if state is not MessageState.ENROUTE:
            # A cancelled one has none of its own: now is not far off.
            ago = max(now - message.final_at, 0.0)
            final = absolute(datetime.now(UTC) - timedelta(seconds=ago))
        return QuerySmResp(
            sequence=request.sequence,
            message_id=request.message_id,
            final_date=final,
            message_state=state,
        )

    def cancel(self, request: CancelSm) -> CancelSmResp:
        """Cancel one message by its id, unless it is final."""
        message = self.ledger.get(request.message_id.encode("latin-1"))
        status = CommandStatus.ESME_ROK
        if message is None:
            status = CommandStatus.ESME_RINVMSGID
        elif message.state(self._agenda.now()) is not MessageState.ENROUTE:
            status = CommandStatus.ESME_RCANCELFAIL
        else:
            message.cancelled = True
        return CancelSmResp(sequence=request.sequence, status=status)

    def _count(self) -> None:
        self.submits += 1
        if self.submits >= self.threshold:
            self._smsc.advance()

    def _respond(self, session: Session, response: bytes, plan: Plan) -> None:
        delay = self._response_delay + plan.delay
        for _ in range(plan.responses):
            if delay:
                self._agenda.call_later(delay, partial(session.send, response))
            else:
                session.send(response)

    def _report(
        self, session: Session, plan: Plan, messages: Sequence[Message]
    ) -> None:
        """The next receipt of each message, and the agenda for those after it."""
        now = time.time()
        deliveries = []
        unfinished = []
        for message in messages:
            reports = message.outcome.reports
            report = CANCELLED if message.cancelled else reports[message.reported]
            message.reported += 1
            submission = message.submission
            if plan.unasked or _asked(submission.registered_delivery, report):
                body = wire.receipt(
                    self._form,
                    submission,
                    self._receipt_id(self._first_id + message.number - 1),
                    report,
                    submitted=message.at,
                    done=now,
                )
                for _ in range(plan.receipts):
                    delivery = Delivery(body, self.receipts, session)
                    if plan.dress is not None:
                        delivery.command, delivery.body = plan.dress(body)
                    if plan.other_bind:
                        delivery.prefer, delivery.avoid = None, session
                    deliveries.append(delivery)
            if message.reported < len(reports) and not message.cancelled:
                unfinished.append(message)
        if unfinished:
            self._agenda.call_later(
                self._receipt_delay,
                partial(self._report, session, plan, unfinished),
            )
        session.account.offer(deliveries)


def _fault_of(submission: wire.Submission) -> int:
    """What an SMSC would refuse in the addresses; 0: nothing."""
    if submission.destination_at - submission.source_at > _LONGEST_ADDRESS:
        return CommandStatus.ESME_RINVSRCADR
    length = submission.addresses_end - submission.destination_at
    if not _EMPTY_ADDRESS < length <= _LONGEST_ADDRESS:
        return CommandStatus.ESME_RINVDSTADR
    return 0


def _asked(registered_delivery: int, report: Report) -> bool:
    """Whether registered_delivery asks for this receipt (SMPP 3.4 §5.2.17)."""
    wanted = registered_delivery & _FINAL
    if wanted == _ALWAYS:
        return True
    if not report.final:
        return registered_delivery & _INTERMEDIATE != 0
    if wanted == _ON_FAILURE:
        return not report.success
    return wanted == _ON_SUCCESS and report.success
