"""A service manager's notify socket, heard in a thread: the loop may be stuck."""

import socket
import threading
import time
from pathlib import Path
from types import TracebackType


class NotifySocket:
    """Hears from when it is entered until it is left; ``environ`` leads there."""

    def __init__(self, folder: Path, *, watchdog: float | None = None) -> None:
        path = str(folder / "notify")
        self.environ = {"NOTIFY_SOCKET": path}
        if watchdog is not None:
            self.environ["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
        self.states: list[str] = []
        """All lines, in order."""
        self._fed_at = time.monotonic()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._thread = threading.Thread(target=self._hear)

    @property
    def fed(self) -> int:
        """How often the watchdog was fed."""
        return self.states.count("WATCHDOG=1")

    @property
    def hungry(self) -> float:
        """Seconds since it was fed."""
        return time.monotonic() - self._fed_at

    def _hear(self) -> None:
        while heard := self._socket.recv(4096).decode():
            if heard == "WATCHDOG=1":
                self._fed_at = time.monotonic()
            self.states += heard.splitlines()

    def __enter__(self) -> "NotifySocket":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.environ["NOTIFY_SOCKET"])
        self._thread.join()
        self._socket.close()
