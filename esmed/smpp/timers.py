"""When a session must do something by itself. Pure: the time is passed in.

SMPP 3.4 §7.2 names four timers. The session_init_timer is the SMSC's: it wants our bind
soon after the connection, and gets it at once. The response_timer of each request is in
`esmed.smpp.window`. Here are the others: one deadline for the bind or unbind under way,
enquire_link, and inactivity.

enquire_link is ours to send once nothing has been read for ``enquire_link`` seconds.
Any whole PDU proves that the peer lives, so only one that says nothing at all for
``enquire_link_timeout`` more is given up: an SMSC under load answers in its own order.
"""

from enum import Enum, auto

from msgspec import Struct


class Timer(Enum):
    """What has run out."""

    BIND = auto()
    UNBIND = auto()
    PEER_UNBIND = auto()
    """The peer's unbind has waited long enough for its answer."""
    ENQUIRE = auto()
    """Silence for long enough: ask."""
    SILENCE = auto()
    """We asked and heard nothing."""
    INACTIVITY = auto()


class TimerSettings(Struct, frozen=True, kw_only=True):
    """Seconds each; ``inactivity`` None: a session may idle for ever; ``enquire_link``
    None: it never asks."""

    bind: float = 10.0
    unbind: float = 5.0
    peer_unbind: float = 2.0
    response: float = 30.0
    enquire_link: float | None = 30.0
    enquire_link_timeout: float = 10.0
    inactivity: float | None = None


class Timers:
    """The deadlines of one session."""

    def __init__(self, settings: TimerSettings) -> None:
        self._settings = settings
        self._handshake: tuple[float, Timer] | None = None
        self._heard: float | None = None
        self._enquired: float | None = None
        self._busy = 0.0

    def bind_sent(self, now: float) -> None:
        """Wait for the bind response."""
        self._handshake = (now + self._settings.bind, Timer.BIND)

    def bound(self, now: float) -> None:
        """Watch the peer from now on."""
        self._handshake = None
        self._heard = self._busy = now

    def unbind_sent(self, now: float) -> None:
        """Wait for the unbind response, and for nothing else."""
        self._handshake = (now + self._settings.unbind, Timer.UNBIND)
        self._heard = self._enquired = None

    def unbind_heard(self, now: float) -> None:
        """Let the peer's unbind wait for other answers, and for nothing else."""
        self._handshake = (now + self._settings.peer_unbind, Timer.PEER_UNBIND)
        self._heard = self._enquired = None

    def heard(self, now: float) -> None:
        """A whole PDU was read."""
        self._enquired = None
        if self._heard is not None:
            self._heard = now

    def busy(self, now: float) -> None:
        """A PDU went either way that was not mere keep-alive."""
        self._busy = now

    def enquired(self, now: float) -> None:
        """Our enquire_link was sent."""
        self._enquired = now

    def due(self, now: float) -> Timer | None:
        """The timer that has run out, if one has."""
        for at, timer in self._deadlines():
            if at <= now:
                return timer
        return None

    def next_deadline(self) -> float | None:
        """When `due` will have an answer if nothing happens before."""
        return min((at for at, _ in self._deadlines()), default=None)

    def _deadlines(self) -> list[tuple[float, Timer]]:
        if self._handshake is not None:
            return [self._handshake]
        if self._heard is None:
            return []
        settings = self._settings
        found = []
        if settings.enquire_link is None:
            pass
        elif self._enquired is None:
            found = [(self._heard + settings.enquire_link, Timer.ENQUIRE)]
        else:
            found = [(self._enquired + settings.enquire_link_timeout, Timer.SILENCE)]
        if settings.inactivity is not None:
            found.append((self._busy + settings.inactivity, Timer.INACTIVITY))
        return found
