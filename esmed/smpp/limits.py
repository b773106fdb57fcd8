"""What keeps messages waiting, and for how long. Times are the event loop's."""

from esmed.connector import Sink
from esmed.metrics import ConnectorMetrics, Limit
from esmed.smpp.hosts import Hosts
from esmed.smpp.mode import Mode
from esmed.smpp.sender import Sender


class Limits:
    """Counts the time of one connector under what stops it; pauses do not count."""

    def __init__(
        self,
        name: str,
        *,
        mode: Mode,
        hosts: Hosts,
        sender: Sender,
        sink: Sink,
        metrics: ConnectorMetrics,
    ) -> None:
        self._name = name
        self._mode = mode
        self._hosts = hosts
        self._sender = sender
        self._sink = sink
        self._seconds = metrics.limited_seconds
        self._limit: Limit | None = None
        self._since = 0.0

    def start(self, now: float) -> None:
        """Count from now on."""
        self._limit, self._since = None, now

    def note(self, now: float) -> None:
        """Count the time since the last time under what stopped us then."""
        if self._limit is not None:
            self._seconds[self._limit].inc(max(now - self._since, 0.0))
        self._since = now
        mode, sender = self._mode, self._sender
        if mode.frozen or mode.paused or mode.stopping:
            self._limit = None
        elif self._hosts.active is None:
            self._limit = "link"
        else:
            self._limit = sender.limit(now)
            if not sender.backlog and not self._sink.more_for(self._name):
                self._limit = None  # nobody wants more
