"""The connectors of the running daemon: started, exchanged, stopped.

An SMSC may allow one bind for each account, so what a reload takes away has left before
anything new binds. Meanwhile all others go on, and what waits for those between two
lives waits, or takes the next connector of its route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from esmed.connector import Connector
from esmed.connectorconfig import ConnectorConfig
from esmed.reload import Changes

Make = Callable[[str, ConnectorConfig], Connector]
"""Makes a connector, not started."""
Adjust = Callable[[Connector, ConnectorConfig], None]
"""Has a connector take those settings that are `in_place`."""


class Roster:
    """``connectors`` are those configured now, in that order; ``changed`` is told each
    time it is another mapping."""

    def __init__(
        self, configs: Mapping[str, ConnectorConfig], make: Make, adjust: Adjust
    ) -> None:
        self.connectors: Mapping[str, Connector] = {
            name: make(name, config) for name, config in configs.items()
        }
        self.changed: Callable[[Mapping[str, Connector]], None] = lambda _: None
        self._make = make
        self._adjust = adjust
        self._leaving: dict[asyncio.Task[None], Connector] = {}

    async def start(self) -> None:
        """Start connecting; returns at once."""
        for connector in self.connectors.values():
            await connector.start()

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Have all leave, also those that are about to, within so many seconds."""
        every = {*self.connectors.values(), *self._leaving.values()}
        await asyncio.gather(*(connector.stop(timeout) for connector in every))
        await asyncio.gather(*self._leaving)

    def begin(
        self, changes: Changes, configs: Mapping[str, ConnectorConfig], timeout: float
    ) -> None:
        """Become those of ``configs``, as far as that can be at once.

        What is removed is out of use, what is added can be asked but is not started,
        what is changed has its old settings until it has left. ``timeout`` bounds, in
        seconds, how long those that leave wait for their answers. `finish` follows, or
        `stop`.
        """
        before = self.connectors
        for name in changes.adjusted:
            self._adjust(before[name], configs[name])
        self._change(
            {
                name: before.get(name) or self._make(name, config)
                for name, config in configs.items()
            }
        )
        for name in (*changes.removed, *changes.changed):
            leaving = asyncio.create_task(before[name].stop(timeout))
            self._leaving[leaving] = before[name]

    async def finish(
        self, changes: Changes, configs: Mapping[str, ConnectorConfig]
    ) -> None:
        """Wait until those that leave are gone, then start what is new.

        If this is cancelled they go on leaving.
        """
        if self._leaving:
            # Not gathered: who cancels us must not cut short what they wait for.
            await asyncio.wait(self._leaving)
            await asyncio.gather(*self._leaving)
            self._leaving.clear()
        anew = {name: self._make(name, configs[name]) for name in changes.changed}
        for name, connector in anew.items():
            if self.connectors[name].paused:
                connector.pause()
        self._change({**self.connectors, **anew})
        for name in (*changes.changed, *changes.added):
            await self.connectors[name].start()

    def _change(self, connectors: Mapping[str, Connector]) -> None:
        self.connectors = connectors
        self.changed(connectors)
