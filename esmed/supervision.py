"""What the service manager hears while the daemon runs: how it is, that it lives."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from esmed import log
from esmed.connector import Connector, HostView
from esmed.sdnotify import Notifier
from esmed.watchdog import LOOKS, Pulse, Watchdog

STATUS_EVERY: Final = 1.0
_STATUS_MOST: Final = 2000
"""Characters; the manager takes 4096 octets."""

_log = log.get("supervision")


def status_line(connectors: Iterable[Connector]) -> str:
    """Return how each connector is, and the binds of each of its hosts."""
    line = "; ".join(
        f"{connector.name} {connector.health().state}"
        f" ({', '.join(map(_host, connector.hosts()))})"
        for connector in connectors
    )
    return line if len(line) <= _STATUS_MOST else f"{line[:_STATUS_MOST]}…"


def _host(host: HostView) -> str:
    if len(host.binds) > 1:
        bound = sum(bind.state == "bound" for bind in host.binds)
        return f"{host.address} {bound} of {len(host.binds)} bound"
    if host.state == "bound" or not host.reason:
        return f"{host.address} {host.state}"
    return f"{host.address} {host.state}: {host.reason}"


async def tell_status(
    notifier: Notifier, connectors: Callable[[], Iterable[Connector]]
) -> None:
    """Keep the status line of ``systemctl status`` true."""
    told = ""
    while True:
        line = status_line(connectors())
        if line != told:
            notifier.status(line)
            told = line
        await asyncio.sleep(STATUS_EVERY)


async def feed_watchdog(
    notifier: Notifier, pulses: Callable[[], Mapping[str, Pulse]]
) -> None:
    """Feed it as long as all make progress; return at once if there is none."""
    if notifier.watchdog is None:
        return
    watchdog = Watchdog()
    before: tuple[str, ...] = ()
    while True:
        stuck = watchdog.look(pulses())
        if not stuck:
            notifier.alive()
        if stuck and not before:
            _log.error("watchdog.withheld", stuck=",".join(stuck))
        elif before and not stuck:
            _log.warning("watchdog.fed", was_stuck=",".join(before))
        before = stuck
        await asyncio.sleep(notifier.watchdog / LOOKS)


def of_connectors(
    connectors: Mapping[str, Connector],
) -> Iterator[tuple[str, Pulse]]:
    """Give the pulse of each: one that has stopped working owes a step for ever."""
    for name, connector in connectors.items():
        yield name, Pulse(beats=0, busy=not connector.alive())
