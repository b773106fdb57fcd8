"""Who asks."""

from msgspec import Struct


class Caller(Struct, frozen=True, kw_only=True):
    """A client of the HTTP interface, or whoever needs no token."""

    name: str | None
    """None: no clients are configured."""
    admin: bool = False
    senders: tuple[str, ...] = ()
    """None given: any sender."""
