"""What every connector's configuration has, whatever its kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from esmed.errors import ConfigFault
from esmed.fieldtypes import Duration, Integer, Rate
from esmed.models import OnUnknown
from esmed.settings import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Section):
    """How temporary refusals are tried again: pauses in seconds, growing."""

    attempts: Annotated[int, Integer(1, 1000)] = 10
    min: Duration = 5.0
    max: Duration = 600.0

    def faults(self) -> Iterator[ConfigFault]:
        if self.min > self.max:
            yield ConfigFault(path="min", message="is longer than max", rests_on="max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares(Section):
    """What each priority may have of a connector while all have something to send."""

    high: Annotated[int, Integer(1, 1000)] = 70
    normal: Annotated[int, Integer(1, 1000)] = 20
    bulk: Annotated[int, Integer(1, 1000)] = 10

    @property
    def in_order(self) -> tuple[int, int, int]:
        """In the order of `Priority`."""
        return self.high, self.normal, self.bulk


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorConfig(Section):
    """Base of each kind's `Config`. Times are seconds, rates are per second."""

    in_place: ClassVar[frozenset[str]] = frozenset(
        {"shares", "on_unknown", "hold_timeout", "retry", "receipt_timeout"}
        | {"reassembly_timeout", "unmatched_ttl"}
    )
    """Keys that a reload changes without a new bind."""

    kind: str
    rate: Rate | None = None
    shares: Shares = Shares()
    on_unknown: OnUnknown = "resend"
    hold_timeout: Duration = 86_400.0
    retry: Retry = Retry()
    """Loaded from a file: what the connector leaves out is as in the top level."""
    receipt_timeout: Duration = 259_200.0
    reassembly_timeout: Duration = 900.0
    unmatched_ttl: Duration = 86_400.0

    @classmethod
    def prepared(cls, raw: dict[object, object]) -> dict[object, object]:
        """The keys to read, for those in the file: a kind may add to them."""
        return raw

    def receipt_asked(self, part: int, parts: int) -> bool:
        """Whether a receipt is asked for that part, from 1, of so many."""
        return True
