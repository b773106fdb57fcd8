"""Telling systemd how the daemon is: sd_notify(3) over `$NOTIFY_SOCKET`.

Without that variable (not started by systemd, or not Type=notify) nothing is sent.
"""

import os
import socket
import time
from collections.abc import Mapping

from esmed import log

_log = log.get("sdnotify")


class Notifier:
    """Sends states to the service manager; never blocks, never raises."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            # An abstract socket: its name begins with NUL.
            self._address = "\0" + self._address[1:]
        self._watchdog = _watchdog_seconds(environ)

    @property
    def watchdog(self) -> float | None:
        """Seconds within which `alive` must be called again each time; None: never."""
        return self._watchdog

    def ready(self) -> None:
        """Start-up, or a reload, is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload has begun; `ready`, or `stopping`, ends it.

        The time lets the manager tell this reload's READY=1 from an earlier one.
        """
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self, seconds: float) -> None:
        """Shutdown has begun, and may take so long, whatever TimeoutStopSec= says."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def status(self, text: str) -> None:
        """What `systemctl status` shows, on one line."""
        self._send("STATUS=" + " ".join(text.split()))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(state.encode(), self._address)
        except OSError as exc:
            _log.warning("notify.failed", state=state, error=exc)


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else None
