"""An SMPP connector with its sink, towards SMSCs of ours."""

from typing import Any

from fakes.sink import RecordingSink, job_for
from fakes.wait import eventually

from esmed.clock import SystemClock
from esmed.connector import HealthState, Job
from esmed.fieldtypes import Endpoint
from esmed.metrics import Metrics
from esmed.secret import Secret
from esmed.smpp.config import Backoff, Config, Host
from esmed.smpp.connector import create
from esmed.tlsconfig import Tls

QUICK = Backoff(min=0.02, max=0.05)


class Rig:
    """A connector with its sink."""

    def __init__(self, ports: list[int], tls: Tls | None, **settings: Any) -> None:
        hosts = [Host(address=Endpoint("127.0.0.1", port), tls=tls) for port in ports]
        self.config = Config(
            **{
                "hosts": tuple(hosts),
                "system_id": "me",
                "password": Secret("secret"),
                "reconnect": QUICK,
                "response_timeout": 1000.0,
                "enquire_link": 1000.0,
                "bind_timeout": 1000.0,
                **settings,
            }
        )
        self.sink = RecordingSink()
        self.metrics = Metrics()
        self.connector = create(
            "carrier", self.config, self.sink, SystemClock(), self.metrics
        )
        self.sink.connector = self.connector

    @property
    def state(self) -> HealthState:
        return self.connector.health().state

    async def up(self) -> None:
        """The primary is bound."""
        await eventually(lambda: self.state is HealthState.UP)

    def job(self, text: str | None = "hello", **fields: Any) -> Job:
        return job_for(self.connector, text, **fields)

    def submit(self, *texts: str) -> list[Job]:
        jobs = [self.job(text) for text in texts]
        self.connector.submit(jobs)
        return jobs

    def outcomes(self) -> list[Any]:
        return [result.outcome for result in self.sink.outcomes]

    def states(self) -> list[str]:
        return [host.state for host in self.connector.hosts()]

    async def answered(self, count: int) -> None:
        await self.sink.until(lambda: len(self.sink.outcomes) >= count)

    def unreported(self) -> int:
        """Parts that are still somewhere inside."""
        connector = self.connector
        unanswered = sum(link.unanswered for link in connector._hosts.links)
        return unanswered + len(connector._sender.backlog)
