"""ESMEs of other people's making, which share no code with us."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiosmpplib
import pytest
import smpp34
import smpplib.client
from aiosmpplib.hook import SimpleHook
from simulator.conftest import Simulate
from simulator.peer import PATIENCE, until

from esmed.simulator import MoMessage, SmscSimulator
from esmed.simulator.kinds.link import Glued
from pdu import Tag

TO = "380501234567"
LONG = "Довге повідомлення про все на світі, і ще трохи. " * 4


@pytest.fixture
async def simulator(simulate: Simulate) -> SmscSimulator:
    return await simulate(password="secret", first_id=4711, id_form="decimal")


class TestSmpplib:
    """A blocking one: its own thread, fed by this one."""

    async def test_submit_receipt_and_mo(self, simulator: SmscSimulator):
        accepted: list[str] = []
        delivered: list[Any] = []
        client = smpplib.client.Client(
            "127.0.0.1",
            simulator.port,
            timeout=PATIENCE,
            allow_unknown_opt_params=True,
        )
        client.set_message_sent_handler(
            lambda pdu: accepted.append(pdu.message_id.decode())
        )
        client.set_message_received_handler(
            lambda pdu: (delivered.append(pdu), 0)[1]  # type: ignore[func-returns-value]
        )

        def bind_and_submit() -> None:
            client.connect()
            client.bind_transceiver(system_id="smpplib", password="secret")
            client.send_message(
                source_addr="shop",
                destination_addr=TO,
                short_message=b"Hello",
                registered_delivery=True,
            )
            while not (accepted and delivered):
                client.read_once()

        def read_until(count: int) -> None:
            while len(delivered) < count:
                client.read_once()

        await asyncio.to_thread(bind_and_submit)
        assert accepted == ["4711"]
        assert delivered[0].receipted_message_id.rstrip(b"\0") == b"4711"
        assert b"stat:DELIVRD" in delivered[0].short_message
        simulator.inject_mo(MoMessage(text="y" * 200, parts_order=(2, 1)))
        await asyncio.to_thread(read_until, 3)
        assert [pdu.short_message[5] for pdu in delivered[1:]] == [2, 1]
        await until(lambda: simulator.stats.mo.acknowledged == 2)
        await asyncio.to_thread(client.unbind)
        client.disconnect()


async def delivery(session: smpp34.Smsc) -> smpp34.DeliverSmEvent:
    event = await session.next()
    assert isinstance(event, smpp34.DeliverSmEvent)
    return event


class TestSmpp34:
    """One in Rust."""

    async def test_submit_receipt_and_mo(self, simulator: SmscSimulator):
        client = smpp34.Client(
            "127.0.0.1",
            simulator.port,
            "smpp34",
            "secret",
        )
        async with asyncio.timeout(PATIENCE):
            session = await client.connect()
            answer = await session.submit_sm(
                TO, b"Hello", source_addr="shop", registered_delivery=1
            )
            assert (answer.is_success, answer.message_id) == (True, "4711")
            receipt = await delivery(session)
            assert receipt.source_addr == TO
            assert b"id:4711 " in receipt.short_message
            tlvs = {each.tag: each for each in receipt.tlvs}
            assert tlvs[Tag.RECEIPTED_MESSAGE_ID].as_string() == "4711"
            assert tlvs[Tag.MESSAGE_STATE].as_int() == 2
            simulator.inject_mo(MoMessage(text="€" * 100, concat="sar"))
            parts = [await delivery(session) for _ in range(2)]
            sars = [{each.tag: each.as_int() for each in mo.tlvs} for mo in parts]
            # It hands them on in any order, whatever order they came in.
            assert {sar[Tag.SAR_SEGMENT_SEQNUM] for sar in sars} == {1, 2}
            await until(lambda: simulator.stats.mo.acknowledged == 2)
            await session.unbind()
            await client.stop()

    async def test_a_deliver_sm_glued_to_the_bind_response(
        self, simulator: SmscSimulator
    ):
        simulator.add_fault(Glued())
        client = smpp34.Client("127.0.0.1", simulator.port, "smpp34", "secret")
        async with asyncio.timeout(PATIENCE):
            session = await client.connect()
            mo = await delivery(session)
            assert mo.short_message == b"glued to the bind response"
            await client.stop()


class Heard(SimpleHook):  # type: ignore[misc]
    """Keeps what an aiosmpplib ESME is told."""

    def __init__(self) -> None:
        super().__init__(aiosmpplib.StructuredLogger("heard", logging.CRITICAL))
        self.received_messages: list[Any] = []

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        self.received_messages.append(smpp_message)

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.received_messages if type(each) is kind]


class TestAiosmpplib:
    @pytest.fixture
    async def heard(self, simulator: SmscSimulator) -> AsyncIterator[Heard]:
        heard = Heard()
        self.esme = aiosmpplib.ESME(
            "127.0.0.1",
            simulator.port,
            "aiosmpplib",
            "secret",
            hook=heard,
            log_level=logging.CRITICAL,
        )
        running = asyncio.create_task(self.esme.start())
        await until(lambda: bool(simulator.stats.bound.get("aiosmpplib")))
        yield heard
        # It leaves its socket to the garbage collector.
        writer = self.esme._writer
        await asyncio.wait_for(self.esme.stop(), PATIENCE)
        await asyncio.wait_for(running, PATIENCE)
        writer.close()

    async def test_submit_receipt_and_mo(self, simulator: SmscSimulator, heard: Heard):
        message = aiosmpplib.SubmitSm(
            short_message="Hello €",
            source=aiosmpplib.PhoneNumber("shop"),
            destination=aiosmpplib.PhoneNumber(TO),
            log_id="mine",
        )
        await self.esme.broker.enqueue(message)
        await until(lambda: len(heard.of(aiosmpplib.DeliverSm)) == 1)
        (answer,) = heard.of(aiosmpplib.SubmitSmResp)
        assert answer.message_id == "4711"
        (receipt,) = heard.of(aiosmpplib.DeliverSm)
        assert receipt.is_receipt()
        assert receipt.log_id == "mine"
        assert receipt.parse_receipt()["stat"] == "DELIVRD"
        assert [each.text for each in simulator.messages()] == ["Hello €"]
        simulator.inject_mo(MoMessage(text=LONG, parts_order=(2, 3, 1)))
        await until(lambda: len(heard.of(aiosmpplib.DeliverSm)) == 2)
        mo = heard.of(aiosmpplib.DeliverSm)[1]
        assert not mo.is_receipt()
        assert (mo.short_message or mo.message_payload) == LONG
        await until(lambda: simulator.stats.mo.acknowledged == 3)
