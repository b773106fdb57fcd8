"""A connector to a provider, alone with a sink."""

from typing import Any

from fakes.provider import Config, Letters
from fakes.sink import RecordingSink, job_for
from fakes.wait import eventually

from esmed.bridge.base import Provider
from esmed.bridge.connector import ProviderConnector
from esmed.bridge.http import HttpCarrier
from esmed.clock import SystemClock
from esmed.connector import Job
from esmed.metrics import Metrics
from esmed.secret import Secret

FREE = "http://127.0.0.1:1"
"""Where nobody listens."""


class Rig:
    def __init__(
        self, *urls: str, provider: Provider | None = None, **keys: Any
    ) -> None:
        self.config = Config(
            base_urls=urls, callback_secret=Secret("hush"), **{"concurrency": 1, **keys}
        )
        self.sink = RecordingSink()
        self.metrics = Metrics()
        self.connector = ProviderConnector(
            "post",
            self.config,
            create=lambda _: provider or Letters(),
            carrier=HttpCarrier(self.config),
            sink=self.sink,
            clock=SystemClock(),
            metrics=self.metrics,
        )
        self.sink.connector = self.connector

    async def __aenter__(self) -> "Rig":
        await self.connector.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connector.stop(5.0)

    async def up(self) -> "Rig":
        await eventually(lambda: self.connector.health().sends)
        return self

    def jobs(self, *numbers: str, text: str = "hello") -> list[Job]:
        return [job_for(self.connector, text, to=number) for number in numbers]

    async def outcomes(self, count: int) -> list[Any]:
        await self.sink.until(lambda: len(self.sink.outcomes) >= count)
        return [one.outcome for one in self.sink.outcomes]
