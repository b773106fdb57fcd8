"""The HTTP interface of a running simulator."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from simulator.conftest import Connect, Simulate

from esmed.simulator import SmscSimulator
from esmed.simulator.smsccontrol import SmscControl
from pdu import CommandStatus, udh

Call = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def simulator(simulate: Simulate) -> SmscSimulator:
    return await simulate(first_id=1)


@pytest.fixture
async def call(simulator: SmscSimulator, stack: AsyncExitStack) -> AsyncIterator[Call]:
    """METHOD, path, JSON body: status and JSON answer."""
    control = SmscControl(simulator)
    port = await control.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def request(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            data = None if body is None else json.dumps(body)
            async with session.request(method, path, data=data) as response:
                return response.status, await response.json()

        yield request
    await control.stop()


async def test_mo(simulator: SmscSimulator, call: Call, bound_peer: Connect):
    peer = await bound_peer(simulator)
    assert await call("POST", "/mo") == (200, {"parts": 1})
    assert (await peer.delivery()).short_message == b"Hello"
    mo = {"from": "49", "to": "1", "text": "ы" * 150, "parts_order": [3, 1, 2]}
    assert await call("POST", "/mo", {**mo, "concat": "udh16"}) == (200, {"parts": 3})
    order = []
    for _ in range(3):
        header, _ = udh.split((await peer.delivery()).short_message)
        assert header is not None
        assert header.concatenation is not None
        assert header.concatenation.wide
        order.append(header.concatenation.part)
    assert order == [3, 1, 2]


async def test_faults(simulator: SmscSimulator, call: Call, bound_peer: Connect):
    peer = await bound_peer(simulator)
    fault = {"kind": "status", "code": "ESME_RTHROTTLED"}
    assert await call("POST", "/fault", fault) == (200, {"key": 1})
    assert (await peer.submit()).status == CommandStatus.ESME_RTHROTTLED
    assert await call("DELETE", "/fault/1") == (200, {})
    assert (await peer.submit(registered_delivery=0)).status == 0
    await call("POST", "/fault", fault)
    await call("POST", "/fault", {"kind": "silence", "at": "1h"})
    assert await call("DELETE", "/fault") == (200, {})
    assert simulator.fault_keys == []


async def test_drop(simulator: SmscSimulator, call: Call, bound_peer: Connect):
    one = await bound_peer(simulator, system_id="one")
    two = await bound_peer(simulator, system_id="two")
    drop = {"how": "fin", "system_id": "one"}
    assert await call("POST", "/drop", drop) == (200, {"dropped": 1})
    assert await one.ended() is None
    assert await call("POST", "/drop") == (200, {"dropped": 1})
    assert isinstance(await two.ended(), ConnectionResetError)


async def test_stats_and_messages(
    simulator: SmscSimulator, call: Call, bound_peer: Connect
):
    peer = await bound_peer(simulator)
    for text in (b"one", b"two", b"two"):
        await peer.submit(short_message=text, registered_delivery=0)
    _, stats = await call("GET", "/stats")
    assert stats.pop("uptime") > 0
    traffic = {
        "sent": 0,
        "redelivered": 0,
        "acknowledged": 0,
        "refused": 0,
        "abandoned": 0,
    }
    assert stats == {
        "connections": 1,
        "connected": 1,
        "bound": {"esme": ["transceiver"]},
        "binds": 1,
        "bind_refusals": {},
        "submits": 3,
        "statuses": {"ESME_ROK": 3},
        "duplicates": 1,
        "receipts": traffic,
        "mo": traffic,
        "waiting": 0,
        "enquiries": 0,
        "protocol_errors": 0,
        "faults": [],
    }
    _, page = await call("GET", "/messages?after=1&limit=1")
    (message,) = page["messages"]
    assert message.pop("at") > 0
    assert (page["next"], page["incomplete"]) == (2, 0)
    assert message == {
        "number": 2,
        "ids": ["2"],
        "system_id": "esme",
        "from": "shop",
        "to": "380501234567",
        "text": "two",
        "data": "74776f",
        "data_coding": 0,
        "parts": 1,
    }
    _, rest = await call("GET", "/messages?after=3")
    assert rest == {"messages": [], "next": 3, "incomplete": 0}


@pytest.mark.parametrize(
    ("method", "path", "body", "complaint"),
    [
        ("POST", "/mo", {"colour": 1}, "colour"),
        ("POST", "/mo", [], "Expected `object`"),
        ("POST", "/mo", {"text": "x", "parts_order": [2]}, "not among 1 to 1"),
        ("POST", "/fault", {"kind": "magic"}, "is none of"),
        ("POST", "/fault", {"kind": "status", "code": "x"}, "command_status"),
        ("POST", "/drop", {"how": "softly"}, "Invalid enum value 'softly'"),
        ("DELETE", "/fault/9", None, "there is no fault 9"),
        ("DELETE", "/fault/x", None, "there is no fault x"),
        ("GET", "/messages?after=x", None, "invalid literal"),
        ("GET", "/messages?limit=0", None, "at least"),
        ("GET", "/messages?after=-1", None, "at least"),
    ],
)
async def test_nonsense(
    call: Call, method: str, path: str, body: object, complaint: str
):
    status, answer = await call(method, path, body)
    assert status == 400
    assert complaint in answer["error"]
