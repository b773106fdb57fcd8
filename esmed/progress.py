"""How far a file has been sent, in one line of a terminal. Pure: time is given."""

from typing import Final

from msgspec import Struct

_BAR: Final = 24  # columns
_NARROW: Final = 100  # columns of a terminal without room for the bar


class Tally(Struct):
    """What has become of the rows of a file so far."""

    rows: int = 0
    octets: int = 0
    """Of the file, that have been read."""
    accepted: int = 0
    refused: int = 0
    note: str = ""
    """What holds it up."""


class Progress:
    """The line for a tally. ``total`` is the file's size; None: nobody knows."""

    def __init__(self, total: int | None, began: float) -> None:
        self._total = total
        self._began = began

    def line(self, tally: Tally, now: float, width: int) -> str:
        """Return it, not longer than ``width``."""
        elapsed = max(now - self._began, 1e-3)
        words = []
        if self._total:
            share = min(tally.octets / self._total, 1.0)
            if width >= _NARROW:
                full = int(share * _BAR)
                words.append(f"[{'#' * full}{'.' * (_BAR - full)}]")
            words.append(f"{share:4.0%}")
        words.append(f"{tally.accepted:,} accepted")
        if tally.refused:
            words.append(f"{tally.refused:,} refused")
        words.append(f"{(tally.accepted + tally.refused) / elapsed:,.0f}/s")
        if self._total and tally.octets and not tally.note:
            left = elapsed * max(self._total - tally.octets, 0) / tally.octets
            words.append(f"ETA {duration(left)}")
        if tally.note:
            words.append(tally.note)
        return "  ".join(words)[: width - 1]


def duration(seconds: float) -> str:
    """Return a duration as clocks show it: ``0:07``, ``12:34``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
