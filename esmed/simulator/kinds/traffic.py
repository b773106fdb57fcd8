"""Faults of what is asked and answered: requests, messages, MO messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from esmed.simulator import wire
from esmed.simulator.hooks import Kind, Plan
from esmed.simulator.mo import MoMessage, build
from esmed.simulator.outcomes import parse_rule
from esmed.simulator.values import Seconds, Status
from pdu import CommandId, CommandStatus

if TYPE_CHECKING:
    from esmed.simulator.session import Session
    from esmed.simulator.smsc import SmscSimulator

_ALIVE: Final = frozenset(
    (
        CommandId.BIND_RECEIVER,
        CommandId.BIND_TRANSMITTER,
        CommandId.BIND_TRANSCEIVER,
        CommandId.ENQUIRE_LINK,
        CommandId.UNBIND,
    )
)
_OF_MO: Final = frozenset(MoMessage.__struct_encode_fields__)


class Silence(Kind, frozen=True, kw_only=True):
    """Nothing is done about any request and nothing is sent."""

    kind = "silence"

    def request(self, session: Session, frame: bytes) -> None:
        pass

    def outgoing(self, frame: bytes) -> bytes:
        return b""


class EnquireLinkUnanswered(Kind, frozen=True, kw_only=True):
    """enquire_link is not answered; all else is."""

    kind = "enquire_link_unanswered"
    commands = frozenset((CommandId.ENQUIRE_LINK,))

    def request(self, session: Session, frame: bytes) -> None:
        pass


class SlowResponses(Kind, frozen=True, kw_only=True):
    """Each request is looked at `delay` after it has come."""

    kind = "slow_responses"

    delay: Seconds = Seconds(1)

    def request(self, session: Session, frame: bytes) -> None:
        session.later(self.delay, frame)


class GenericNack(Kind, frozen=True, kw_only=True):
    """Requests but bind, unbind and enquire_link are answered with generic_nack."""

    kind = "generic_nack"
    commands = frozenset(map(int, CommandId)) - _ALIVE

    code: Status = Status(CommandStatus.ESME_RINVCMDID)

    def request(self, session: Session, frame: bytes) -> None:
        sequence = wire.HEADER.unpack_from(frame)[3]
        session.send(wire.header_only(CommandId.GENERIC_NACK, self.code, sequence))


class Unsupported(Kind, frozen=True, kw_only=True):
    """query_sm, cancel_sm and replace_sm are answered with generic_nack."""

    kind = "unsupported"
    commands = frozenset(
        (CommandId.QUERY_SM, CommandId.CANCEL_SM, CommandId.REPLACE_SM)
    )

    code: Status = Status(CommandStatus.ESME_RINVCMDID)

    def request(self, session: Session, frame: bytes) -> None:
        sequence = wire.HEADER.unpack_from(frame)[3]
        session.send(wire.header_only(CommandId.GENERIC_NACK, self.code, sequence))


class OddResponse(Kind, frozen=True, kw_only=True):
    """submit_sm_resp as 3.4 does not have it: `body=none`, never any; `body=empty`,
    always one, with an empty message_id."""

    kind = "odd_response"

    body: Literal["none", "empty"] = "none"

    def outgoing(self, frame: bytes) -> bytes:
        _, command, status, sequence = wire.HEADER.unpack_from(frame)
        if command != CommandId.SUBMIT_SM_RESP:
            return frame
        body = b"" if self.body == "none" else b"\0"
        return wire.HEADER.pack(16 + len(body), command, status, sequence) + body


class OfMessages(Kind, frozen=True, kw_only=True):
    """A fault of messages: of those alone whose destination begins with `to`."""

    to: str = ""

    def concerns(self, destination: bytes) -> bool:
        return destination.startswith(self.to.encode())


class Refuse(OfMessages, frozen=True, kw_only=True):
    """Messages are refused with `code`."""

    kind = "status"

    code: Status = Status(CommandStatus.ESME_RSYSERR)

    def submit(self, plan: Plan) -> None:
        plan.status = self.code


class Throttle(Refuse, frozen=True, kw_only=True):
    """Messages, or those beyond `limit`, are refused with ESME_RTHROTTLED."""

    kind = "throttle"

    code: Status = Status(CommandStatus.ESME_RTHROTTLED)


class QueueFull(Refuse, frozen=True, kw_only=True):
    """Messages are refused with ESME_RMSGQFUL."""

    kind = "queue_full"

    code: Status = Status(CommandStatus.ESME_RMSGQFUL)


class Ends(OfMessages, frozen=True, kw_only=True):
    """Messages end as `steps` say, in the words of an outcome rule."""

    kind = "outcome"

    steps: str = "UNDELIV"

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_rule(f"={self.steps}")

    def submit(self, plan: Plan) -> None:
        _, plan.outcome = parse_rule(f"={self.steps}")


class NoResponse(OfMessages, frozen=True, kw_only=True):
    """The message is accepted, its response never sent; the receipt is."""

    kind = "no_response"

    def submit(self, plan: Plan) -> None:
        plan.responses = 0


class LateResponse(OfMessages, frozen=True, kw_only=True):
    """The message is accepted now, its response sent `delay` later."""

    kind = "late_response"

    delay: Seconds = Seconds(60)

    def submit(self, plan: Plan) -> None:
        plan.delay += self.delay


class DuplicateResponse(OfMessages, frozen=True, kw_only=True):
    """The response is sent twice."""

    kind = "duplicate_response"

    def submit(self, plan: Plan) -> None:
        plan.responses = 2


class Mo(Kind, frozen=True, kw_only=True):
    """MO messages arrive, `count` at a time; its other fields are a `MoMessage`'s."""

    kind = "mo"
    instant = True

    count: int = 1
    message: MoMessage = MoMessage()

    @classmethod
    def arranged(cls, fields: dict[str, Any]) -> dict[str, Any]:
        own = {name: fields[name] for name in fields if name not in _OF_MO}
        message = {name: fields[name] for name in fields if name in _OF_MO}
        order = message.get("parts_order")
        if isinstance(order, str):
            message["parts_order"] = order.split(",")
        return {**own, "message": message}

    def __post_init__(self) -> None:
        super().__post_init__()
        build(self.message, 0)

    def opens(self, smsc: SmscSimulator) -> None:
        for _ in range(self.count):
            smsc.inject_mo(self.message)
