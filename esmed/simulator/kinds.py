"""The kinds of fault, each in one place: its parameters and what it does.

When it does so (`at`, `every`, `for`, `after`, `p`, …) is `esmed.simulator.faults`,
where it takes hold `esmed.simulator.hooks`. The table at the end knows them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from esmed.simulator import wire
from esmed.simulator.hooks import Kind, Plan
from esmed.simulator.mo import MoMessage
from esmed.simulator.values import Seconds, Status
from pdu import CommandId, CommandStatus, DeliverSm, encode

if TYPE_CHECKING:
    from esmed.simulator.session import Session
    from esmed.simulator.smsc import SmscSimulator

_NOT_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
_ALIVE: Final = frozenset(
    (
        CommandId.BIND_RECEIVER,
        CommandId.BIND_TRANSMITTER,
        CommandId.BIND_TRANSCEIVER,
        CommandId.ENQUIRE_LINK,
        CommandId.UNBIND,
    )
)
_DRESSED: Final = frozenset(
    (
        CommandId.BIND_RECEIVER_RESP,
        CommandId.BIND_TRANSMITTER_RESP,
        CommandId.BIND_TRANSCEIVER_RESP,
        CommandId.SUBMIT_SM_RESP,
        CommandId.DELIVER_SM,
        CommandId.DATA_SM_RESP,
    )
)


# The connection


class RefuseConnect(Kind, frozen=True, kw_only=True):
    """The listener is closed; what is bound stays bound."""

    kind = "refuse_connect"

    def opens(self, smsc: SmscSimulator) -> None:
        smsc.close_listener()

    def ends(self, smsc: SmscSimulator) -> None:
        smsc.open_listener()


class HangUp(Kind, frozen=True, kw_only=True):
    """Connections are accepted and closed at once, as a load balancer does."""

    kind = "hang_up"

    def connected(self, session: Session) -> None:
        session.fin()


class Drop(Kind, frozen=True, kw_only=True):
    """Every connection is reset (RST)."""

    kind = "drop"
    instant = True

    def opens(self, smsc: SmscSimulator) -> None:
        smsc.drop("rst")


class Fin(Kind, frozen=True, kw_only=True):
    """Every connection is closed (FIN) without unbind."""

    kind = "fin"
    instant = True

    def opens(self, smsc: SmscSimulator) -> None:
        smsc.drop("fin")


class UnbindAll(Kind, frozen=True, kw_only=True):
    """The SMSC unbinds every session and closes when that is answered."""

    kind = "unbind"
    instant = True

    def opens(self, smsc: SmscSimulator) -> None:
        smsc.drop("unbind")


class SplitWrites(Kind, frozen=True, kw_only=True):
    """What is written goes out `size` octets at a time."""

    kind = "split_writes"

    size: int = 1

    def write(self, octets: bytes) -> list[bytes]:
        size = max(1, self.size)
        return [octets[at : at + size] for at in range(0, len(octets), size)]


# The stream of PDUs


class Garbage(Kind, frozen=True, kw_only=True):
    """`data` (hex) instead of a PDU to every bind: an HTTP error unless given."""

    kind = "garbage"
    instant = True

    data: str = _NOT_HTTP.hex()

    def opens(self, smsc: SmscSimulator) -> None:
        _inject(smsc, bytes.fromhex(self.data))


class Truncated(Kind, frozen=True, kw_only=True):
    """Half a deliver_sm to every bind, then the connection is closed."""

    kind = "truncated"
    instant = True

    def opens(self, smsc: SmscSimulator) -> None:
        whole = encode(
            DeliverSm(sequence=0x7FFF0001, source_addr="1", short_message=b"cut here")
        )
        _inject(smsc, whole[: len(whole) // 2])
        smsc.drop("fin")


class BadLength(Kind, frozen=True, kw_only=True):
    """A header with a command_length that cannot be, to every bind."""

    kind = "bad_length"
    instant = True

    length: int = 4

    def opens(self, smsc: SmscSimulator) -> None:
        header = wire.HEADER.pack(self.length, CommandId.ENQUIRE_LINK, 0, 0x7FFF0002)
        _inject(smsc, header)


class UnknownCommand(Kind, frozen=True, kw_only=True):
    """A whole PDU with a command_id that nobody knows, to every bind."""

    kind = "unknown_command"
    instant = True

    command: int = 0x00010204

    def opens(self, smsc: SmscSimulator) -> None:
        _inject(smsc, wire.HEADER.pack(20, self.command, 0, 0x7FFF0003) + b"what")


def _inject(smsc: SmscSimulator, octets: bytes) -> None:
    for session in smsc.bound():
        session.send_raw(octets)


class UnknownTlvs(Kind, frozen=True, kw_only=True):
    """Vendor TLVs and a cut one (`cut`) behind what the SMSC sends."""

    kind = "unknown_tlvs"

    tag: int = 0x1403
    value: str = "0102030405"
    cut: bool = False

    def outgoing(self, frame: bytes) -> bytes:
        _, command, status, sequence = wire.HEADER.unpack_from(frame)
        if command not in _DRESSED or len(frame) == wire.HEADER.size:
            return frame
        value = bytes.fromhex(self.value)
        length = len(value) + (16 if self.cut else 0)
        body = (
            frame[16:] + self.tag.to_bytes(2, "big") + length.to_bytes(2, "big") + value
        )
        return wire.HEADER.pack(16 + len(body), command, status, sequence) + body


# Binding


class _BindRefused(Kind, frozen=True, kw_only=True):
    """Binds with good credentials are refused."""

    code: Status = Status(CommandStatus.ESME_RBINDFAIL)

    def bind(self, session: Session) -> int:
        return self.code


class WrongPassword(_BindRefused, frozen=True, kw_only=True):
    """Every bind is refused with ESME_RINVPASWD (or `code`)."""

    kind = "wrong_password"

    code: Status = Status(CommandStatus.ESME_RINVPASWD)


class AlreadyBound(_BindRefused, frozen=True, kw_only=True):
    """Every bind is refused with ESME_RALYBND (or `code`)."""

    kind = "already_bound"

    code: Status = Status(CommandStatus.ESME_RALYBND)


class Glued(Kind, frozen=True, kw_only=True):
    """An MO message in the same segment as the bind response."""

    kind = "glued"

    text: str = "glued to the bind response"

    def bound(self, session: Session) -> None:
        session.smsc.inject_mo(
            MoMessage(text=self.text, system_id=session.system_id),
            session=session,
        )


# Requests of the ESME


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


# Messages


class Refuse(Kind, frozen=True, kw_only=True):
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


class NoResponse(Kind, frozen=True, kw_only=True):
    """The message is accepted, its response never sent; the receipt is."""

    kind = "no_response"

    def submit(self, plan: Plan) -> None:
        plan.responses = 0


class LateResponse(Kind, frozen=True, kw_only=True):
    """The message is accepted now, its response sent `delay` later."""

    kind = "late_response"

    delay: Seconds = Seconds(60)

    def submit(self, plan: Plan) -> None:
        plan.delay += self.delay


class DuplicateResponse(Kind, frozen=True, kw_only=True):
    """The response is sent twice."""

    kind = "duplicate_response"

    def submit(self, plan: Plan) -> None:
        plan.responses = 2


class ReceiptBeforeResponse(Kind, frozen=True, kw_only=True):
    """The receipt is sent at once, before the response."""

    kind = "receipt_before_response"

    def submit(self, plan: Plan) -> None:
        plan.receipt_first = True


class ReceiptTwice(Kind, frozen=True, kw_only=True):
    """Each receipt is sent twice, as two messages."""

    kind = "receipt_twice"

    def submit(self, plan: Plan) -> None:
        plan.receipts = 2


class ReceiptOnOtherBind(Kind, frozen=True, kw_only=True):
    """The receipt goes to another session of the system_id, if there is one."""

    kind = "receipt_on_other_bind"

    def submit(self, plan: Plan) -> None:
        plan.other_bind = True


class ReceiptLost(Kind, frozen=True, kw_only=True):
    """No receipt comes of the messages that this strikes."""

    kind = "receipt_lost"

    def submit(self, plan: Plan) -> None:
        plan.receipts = 0


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

    def opens(self, smsc: SmscSimulator) -> None:
        for _ in range(self.count):
            smsc.inject_mo(self.message)


_OF_MO: Final = frozenset(MoMessage.__struct_encode_fields__)

KINDS: Final[dict[str, type[Kind]]] = {
    kind.kind: kind
    for kind in (
        RefuseConnect,
        HangUp,
        Drop,
        Fin,
        UnbindAll,
        SplitWrites,
        Garbage,
        Truncated,
        BadLength,
        UnknownCommand,
        UnknownTlvs,
        WrongPassword,
        AlreadyBound,
        Glued,
        Silence,
        EnquireLinkUnanswered,
        SlowResponses,
        GenericNack,
        Refuse,
        Throttle,
        QueueFull,
        NoResponse,
        LateResponse,
        DuplicateResponse,
        ReceiptBeforeResponse,
        ReceiptTwice,
        ReceiptOnOtherBind,
        ReceiptLost,
        Mo,
    )
}
