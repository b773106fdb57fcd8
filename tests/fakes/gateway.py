"""What a gateway stands on: a dispatch that sends nothing, connectors that split."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from esmed.connector import (
    BindView,
    Capabilities,
    Connector,
    Health,
    HealthState,
    HostView,
    Job,
    Operation,
    Sent,
    Usage,
)
from esmed.models import Count, Fault, FaultClass, Plan, ReceiptIn, Record, Request
from esmed.refusals import BusyError
from esmed.store.base import Cancel, Resolve, Store
from pdu import segment
from pdu.errors import EncodeError


class Weigh(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of an operation."""

    grams: Annotated[int, Meta(ge=1, description="how heavy")]
    what: str = "letter"


class PlanningConnector:
    """A connector that only plans; ``calls`` are the orders it was given.

    ``refusal`` is what it answers to every plan, where a test wants it to refuse.
    """

    kind = "fake"
    schedules = False
    paused = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[str] = []
        self.state = Health(HealthState.UP, 0)
        self.refusal: Fault | None = None
        self.concatenation = "udh8"

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - as the protocol
        raise NotImplementedError

    def health(self) -> Health:
        return self.state

    def hosts(self) -> list[HostView]:
        binds = [BindView("transceiver", "bound", "", 0)]
        return [HostView("127.0.0.1:2775", "primary", "bound", "", 0, binds)]

    def usage(self) -> Usage:
        return Usage(3, 10, 20.0, None)

    def capacity(self) -> int:
        return 0

    def portions(self, waiting: Sequence[int]) -> Sequence[int]:
        return [0 for _ in waiting]

    def plan(self, request: Request) -> Plan | Fault:
        if self.refusal is not None:
            return self.refusal
        try:
            split = (
                segment.split(request.text, encoding=request.encoding)
                if request.text is not None
                else segment.split_binary(request.data or b"")
            )
        except EncodeError as exc:
            return Fault(FaultClass.MESSAGE, "text", str(exc))
        return Plan(
            connector=self.name,
            encoding=split.encoding,
            data_coding=0,
            udhi=len(split.parts) > 1,
            parts=split.parts,
            concatenation=self.concatenation,
            count=Count(
                parts=len(split.parts),
                units=split.units,
                units_per_part=split.units_per_part,
                forcing_characters=split.forcing_characters,
            ),
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def cancel(self, sent: Sent) -> Fault | None:
        raise NotImplementedError

    async def query(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        raise NotImplementedError

    def submit(self, jobs: Sequence[Job]) -> None:
        raise NotImplementedError

    def take_back(self, job: Job) -> None:
        raise NotImplementedError

    def release(self, count: int) -> None:
        raise NotImplementedError

    def freeze(self, frozen: bool) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def alive(self) -> bool:
        return True

    def rebind(self) -> None:
        self.calls.append("rebind")

    def operations(self) -> Sequence[Operation]:
        return [Operation("weigh", "Weigh a parcel", Weigh, self._weigh)]

    async def _weigh(self, parcel: "Weigh") -> dict[str, object]:
        if parcel.what == "air":
            raise BusyError("no scales", 7)
        return {"grams": parcel.grams, "what": parcel.what}


class IdleDispatch:
    """Takes messages and leaves them; ``offered`` are those it was given."""

    def __init__(self, store: Store, connectors: Iterable[Connector]) -> None:
        self.connectors: Mapping[str, Connector] = {one.name: one for one in connectors}
        self.waiting = 0
        self.offered: list[Record] = []
        self.flying: set[int] = set()
        self._store = store

    def offer(self, records: Sequence[Record]) -> None:
        self.offered += records

    def in_flight(self, seq: int) -> bool:
        return seq in self.flying

    async def withdraw(self, seq: int) -> bool:
        if seq in self.flying:
            return False
        return bool(await self._store.intake(Cancel(seq=seq, at=0)))

    async def resolve(self, seq: int, *, resend: bool) -> bool:
        return bool(await self._store.intake(Resolve(seq=seq, resend=resend, at=0)))
