"""Faults of the connection, of the stream of PDUs, and of binding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esmed.simulator import wire
from esmed.simulator.hooks import Kind
from esmed.simulator.mo import MoMessage
from esmed.simulator.values import Number, Status
from pdu import CommandId, CommandStatus, DeliverSm, encode

if TYPE_CHECKING:
    from esmed.simulator.session import Session
    from esmed.simulator.smsc import SmscSimulator

_NOT_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
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


class RefuseConnect(Kind, frozen=True, kw_only=True):
    """The listener is closed; what is bound stays bound."""

    kind = "refuse_connect"

    def opens(self, smsc: SmscSimulator) -> None:
        smsc.listener.refuse()

    def ends(self, smsc: SmscSimulator) -> None:
        smsc.listener.accept()


class HangUp(Kind, frozen=True, kw_only=True):
    """Connections are accepted and closed at once, as a load balancer does."""

    kind = "hang_up"

    def connected(self, session: Session) -> None:
        session.fin()


class StallConnect(Kind, frozen=True, kw_only=True):
    """Connections are accepted and nothing is ever said, not even of TLS."""

    kind = "stall_connect"

    def opens(self, smsc: SmscSimulator) -> None:
        smsc.listener.stall()

    def ends(self, smsc: SmscSimulator) -> None:
        smsc.listener.serve()


class HalfOpen(Kind, frozen=True, kw_only=True):
    """Every connection stays and nothing comes of it any more; new ones work."""

    kind = "half_open"
    instant = True

    def opens(self, smsc: SmscSimulator) -> None:
        for session in smsc.bound():
            session.go_deaf()


class ForgetsBinds(Kind, frozen=True, kw_only=True):
    """Every connection stays, taken for unbound: ESME_RINVBNDSTS to each message."""

    kind = "forgets_binds"
    instant = True

    def opens(self, smsc: SmscSimulator) -> None:
        for session in smsc.bound():
            session.forget_bind()


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


class Garbage(Kind, frozen=True, kw_only=True):
    """`data` (hex) instead of a PDU to every bind: an HTTP error unless given."""

    kind = "garbage"
    instant = True

    data: str = _NOT_HTTP.hex()

    def __post_init__(self) -> None:
        super().__post_init__()
        bytes.fromhex(self.data)

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

    length: Number = Number(4)

    def opens(self, smsc: SmscSimulator) -> None:
        header = wire.HEADER.pack(self.length, CommandId.ENQUIRE_LINK, 0, 0x7FFF0002)
        _inject(smsc, header)


class UnknownCommand(Kind, frozen=True, kw_only=True):
    """A whole PDU with a command_id that nobody knows, to every bind."""

    kind = "unknown_command"
    instant = True

    command: Number = Number(0x00010204)

    def opens(self, smsc: SmscSimulator) -> None:
        _inject(smsc, wire.HEADER.pack(20, self.command, 0, 0x7FFF0003) + b"what")


def _inject(smsc: SmscSimulator, octets: bytes) -> None:
    for session in smsc.bound():
        session.send_raw(octets)


class UnknownTlvs(Kind, frozen=True, kw_only=True):
    """Vendor TLVs and a cut one (`cut`) behind what the SMSC sends."""

    kind = "unknown_tlvs"

    tag: Number = Number(0x1403)
    value: str = "0102030405"
    cut: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        bytes.fromhex(self.value)
        if self.tag > 0xFFFF:
            raise ValueError("tag has 16 bits")

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
