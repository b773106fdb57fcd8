"""esmed.smpp.operations: a connector traced while it works."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from fakes.sink import RecordingSink, job_for
from fakes.smsc import FakeSmsc, fake_smsc
from fakes.wait import eventually
from msgspec import structs

from esmed.clock import SystemClock
from esmed.fieldtypes import Endpoint
from esmed.metrics import Metrics
from esmed.refusals import BusyError, ConflictError, InvalidError
from esmed.secret import Secret
from esmed.smpp.config import Config, Host
from esmed.smpp.connector import SmppConnector, create
from esmed.smpp.operations import TracePdus
from pdu import QuerySm, QuerySmResp

PASSWORD = "pass-w0rd-of-it"
NUMBER = "380501234567"


@asynccontextmanager
async def connected(*smscs: FakeSmsc, **settings: Any) -> AsyncIterator[SmppConnector]:
    hosts = tuple(Host(address=Endpoint("127.0.0.1", smsc.port)) for smsc in smscs)
    config = Config(hosts=hosts, system_id="me", password=Secret(PASSWORD), **settings)
    sink = RecordingSink()
    connector = create("carrier", config, sink, SystemClock(), Metrics())
    sink.connector = connector
    await connector.start()
    try:
        await eventually(lambda: all(h.state == "bound" for h in connector.hosts()))
        yield connector
    finally:
        await connector.stop(5.0)


async def trace(connector: SmppConnector, **arguments: Any) -> Mapping[str, Any]:
    (operation,) = [o for o in connector.operations() if o.name == "trace_pdus"]
    return await operation.run(msgspec.convert(arguments, operation.arguments))


class Told:
    """The events of the log."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        self._caplog = caplog

    def events(self, name: str) -> list[dict[str, Any]]:
        return [
            vars(record)["esmed_fields"]
            for record in self._caplog.records
            if record.getMessage() == name
        ]

    def pdus(self) -> list[tuple[str, str]]:
        return [(e["direction"], e["command"]) for e in self.events("pdu")]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    return Told(caplog)


async def test_nothing_is_traced_unless_asked_for(told):
    async with fake_smsc() as smsc, connected(smsc) as connector:
        connector.submit([job_for(connector, "hello")])
        await smsc.until(lambda: smsc.submitted)
        for link in connector._hosts.links:
            assert link.transport is not None
            assert link.transport.session.tap is None
    assert told.pdus() == []


async def test_every_pdu_of_this_bind_and_of_the_next(told):
    async with fake_smsc() as smsc, connected(smsc) as connector:
        answer = await trace(connector)
        assert answer["hosts"] == [smsc.address]
        assert answer["texts"] is False
        connector.submit([job_for(connector, "hello", to=NUMBER)])
        await eventually(lambda: ("in", "submit_sm_resp") in told.pdus())
        connector.rebind()
        await eventually(lambda: ("in", "bind_transceiver_resp") in told.pdus())
    assert told.pdus() == [
        ("out", "submit_sm"),
        ("in", "submit_sm_resp"),
        ("out", "unbind"),
        ("in", "unbind_resp"),
        ("out", "bind_transceiver"),
        ("in", "bind_transceiver_resp"),
        ("out", "unbind"),
        ("in", "unbind_resp"),
    ]
    first = told.events("pdu")[0]
    assert (first["connector"], first["host"]) == ("carrier", smsc.address)
    assert first["fields"]["short_message"] == "(5 octets)"
    assert first["fields"]["destination_addr"] == "380*******67"
    everything = str(told.events("pdu"))
    for secret in (PASSWORD, NUMBER, "hello"):
        assert secret not in everything
        assert secret.encode().hex() not in everything
    assert len(told.events("pdu.trace_began")) == 1
    assert len(told.events("pdu.trace_ended")) == 1


async def test_texts_if_asked_for(told):
    async with fake_smsc() as smsc, connected(smsc) as connector:
        await trace(connector, texts=True)
        connector.submit([job_for(connector, "hello", to=NUMBER)])
        await eventually(lambda: ("out", "submit_sm") in told.pdus())
    first = told.events("pdu")[0]
    assert first["fields"]["short_message"] == "hello"
    assert first["fields"]["destination_addr"] == NUMBER
    assert b"hello".hex() in first["hex"]


async def test_one_host(told):
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(fake_smsc()) for _ in range(2)]
        connector = await stack.enter_async_context(connected(one, two))
        answer = await trace(connector, host=two.address)
        assert answer["hosts"] == [two.address]
        connector.rebind()
        await eventually(lambda: ("in", "bind_transceiver_resp") in told.pdus())
    assert {event["host"] for event in told.events("pdu")} == {two.address}


async def test_it_ends_when_the_time_is_over(told, monkeypatch):
    async with fake_smsc() as smsc, connected(smsc) as connector:
        later: list[tuple[float, Callable[[], None]]] = []
        loop = asyncio.get_running_loop()

        def call_later(delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
            later.append((delay, call))
            return loop.call_at(0, int)

        with monkeypatch.context() as patched:
            patched.setattr(loop, "call_later", call_later)
            await trace(connector, seconds=90)
        ((delay, end),) = later
        assert delay == 90
        end()
        assert len(told.events("pdu.trace_ended")) == 1
        connector.submit([job_for(connector, "hello")])
        await smsc.until(lambda: smsc.submitted)
    assert told.pdus() == []


async def test_another_one_replaces_it_and_0_seconds_end_it(told):
    async with fake_smsc() as smsc, connected(smsc) as connector:
        await trace(connector)
        await trace(connector, texts=True)
        assert len(told.events("pdu.trace_ended")) == 1
        await trace(connector, seconds=0)
        assert len(told.events("pdu.trace_began")) == 2
        assert len(told.events("pdu.trace_ended")) == 2
        connector.submit([job_for(connector, "hello")])
        await smsc.until(lambda: smsc.submitted)
    assert told.pdus() == []
    assert len(told.events("pdu.trace_ended")) == 2


async def test_a_host_that_is_not_there(told):
    async with fake_smsc() as smsc, connected(smsc) as connector:
        with pytest.raises(InvalidError) as caught:
            await trace(connector, host="elsewhere:1")
        (error,) = caught.value.errors
        assert error.field == "host"
        assert smsc.address in error.message
    assert told.events("pdu.trace_began") == []


@pytest.mark.parametrize(
    "arguments", [{"seconds": 3601}, {"seconds": -1}, {"seconds": 1.5}, {"text": True}]
)
def test_arguments_that_do_not_fit(arguments):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(arguments, TracePdus)


async def ask(connector: SmppConnector, **arguments: Any) -> Mapping[str, Any]:
    (operation,) = [o for o in connector.operations() if o.name == "query_sm"]
    return await operation.run(msgspec.convert(arguments, operation.arguments))


async def test_query_sm():
    async with fake_smsc() as smsc, connected(smsc, query_sm=True) as connector:
        bind = smsc.bound[0]
        for number, (answer, outcome) in enumerate(
            [
                (
                    QuerySmResp(message_state=2),
                    {"state": "delivered", "stat": "DELIVRD"},
                ),
                (
                    QuerySmResp(message_state=1),
                    {"state": "buffered", "stat": "ENROUTE"},
                ),
                (QuerySmResp(status=0x0C), None),
            ],
            1,
        ):
            asking = asyncio.create_task(ask(connector, id="Ab1", sender="Shop"))
            await smsc.until(lambda: len(bind.of(QuerySm)) == number)  # noqa: B023
            pdu = bind.of(QuerySm)[-1]
            assert isinstance(pdu, QuerySm)
            assert (pdu.message_id, pdu.source_addr) == ("Ab1", "Shop")
            bind.send(structs.replace(answer, sequence=pdu.sequence))
            if outcome is None:
                with pytest.raises(ConflictError, match="ESME_RINVMSGID"):
                    await asking
            else:
                assert await asking == {**outcome, "err": ""}
        await smsc.stop()
        await eventually(lambda: connector.hosts()[0].state != "bound")
        with pytest.raises(BusyError, match="no bind that may send"):
            await ask(connector, id="Ab1")


async def test_query_sm_must_be_configured():
    async with fake_smsc() as smsc, connected(smsc) as connector:
        assert [one.name for one in connector.operations()] == ["trace_pdus"]
