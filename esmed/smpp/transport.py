"""Between one session and one socket: bytes, time and back-pressure. No policy.

A transport is used once. What its session produces within one turn of the event loop
leaves in one write; what was read in one go is told in one list of events.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from esmed.smpp.events import Event
from esmed.smpp.session import Session
from esmed.smpp.states import State
from esmed.tls import describe

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that a peer has to take our last bytes before it is cut off."""
UNACKNOWLEDGED_MOST: Final = 1000
"""Messages received and not yet on disk, above which nothing more is read."""
UNACKNOWLEDGED_RESUME: Final = 500
_DEAF_TICK: Final = 1.0


class Transport(asyncio.Protocol):
    """An asyncio protocol around a session, whose times are those of the loop.

    ``on_events`` takes each batch of events, ``on_writable`` hears that a socket that
    was full can take more. `closed` is done when the socket is.
    """

    def __init__(
        self,
        session: Session,
        on_events: Callable[[list[Event]], None],
        on_writable: Callable[[], None],
    ) -> None:
        self.session = session
        self.writable = True
        self.read_at: float | None = None
        self.written_at: float | None = None
        self._on_events = on_events
        self._on_writable = on_writable
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._socket: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._turn_due = False
        self._deaf = False

    def now(self) -> float:
        """The time as the session counts it."""
        return self._loop.time()

    def touch(self) -> None:
        """Have what was done to the session take effect at the end of this turn."""
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def end(self, detail: str) -> None:
        """Drop the connection now, if it still is; tells the owner before returning."""
        self.session.close(detail)
        self._turn()
        if self._socket is not None:
            self._socket.abort()

    # --- called by asyncio -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._socket = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the session all that came."""
        self.read_at = self._loop.time()
        self.session.receive_data(data, self.read_at)
        self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, unless it ended by itself."""
        self._socket = None
        if exc is None:
            self.session.receive_eof()
        else:
            detail = describe(exc) if isinstance(exc, OSError) else str(exc)
            self.session.receive_eof(detail or type(exc).__name__)
        self._turn()
        for timer in (self._timer, self._cut):
            if timer is not None:
                timer.cancel()
        if not self.closed.done():  # whoever waited for it may have been cancelled
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Have the owner submit nothing more for now."""
        self.writable = False

    def resume_writing(self) -> None:
        """Have the owner go on."""
        self.writable = True
        self._on_writable()

    # --- inside ----------------------------------------------------------------------

    def _turn(self) -> None:
        session = self.session
        self._turn_due = True  # what the owner does below belongs to this turn
        try:
            while events := session.events():
                self._on_events(events)
        finally:
            self._turn_due = False
        socket = self._socket
        if socket is None:
            return
        data = session.data_to_send()
        if data and not socket.is_closing():
            socket.write(data)
            self.written_at = self._loop.time()
        if session.state is State.CLOSED:
            self._close(socket)
        else:
            self._listen(socket)
            self._set_timer()

    def _close(self, socket: asyncio.Transport) -> None:
        if self._cut is None:
            socket.close()
            self._cut = self._loop.call_later(CLOSE_TIMEOUT, socket.abort)

    def _listen(self, socket: asyncio.Transport) -> None:
        unacknowledged = self.session.unacknowledged
        if not self._deaf and unacknowledged > UNACKNOWLEDGED_MOST:
            self._deaf = True
            socket.pause_reading()
        elif self._deaf and unacknowledged <= UNACKNOWLEDGED_RESUME:
            self._deaf = False
            socket.resume_reading()

    def _set_timer(self) -> None:
        """Have the session ticked in time; a timer that is early does no harm."""
        deadline = self.session.next_deadline()
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        # A machine that stood still may see that a deadline is over before it has
        # looked at its sockets again. What came meanwhile came in time.
        self._timer = self._loop.call_later(0, self._tick_now)

    def _tick_now(self) -> None:
        if self._deaf:
            # What the peer has not answered may lie in the socket: no time passes.
            self._timer = self._loop.call_later(_DEAF_TICK, self._tick)
            return
        self._timer = None
        self.session.tick(self._loop.time())
        self._turn()
