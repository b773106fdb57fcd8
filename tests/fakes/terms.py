"""What is configured for a connector and matters to dispatch, with the defaults."""

from msgspec import Struct

from esmed.models import OnUnknown


class Retry(Struct, frozen=True):
    attempts: int = 10
    min: float = 5.0
    max: float = 600.0


class Terms(Struct, frozen=True):
    on_unknown: OnUnknown = "resend"
    hold_timeout: float = 3600.0
    receipt_timeout: float = 259_200.0
    retry: Retry = Retry()

    def receipt_asked(self, part: int, parts: int) -> bool:
        """All of them."""
        return 1 <= part <= parts
