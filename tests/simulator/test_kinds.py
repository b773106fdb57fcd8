"""Each kind of fault, seen from the other end of the connection."""

import asyncio
import re
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from simulator.conftest import Connect, Simulate
from simulator.peer import Peer, bound, connect, until

from esmed.simulator import SmscSimulator
from esmed.simulator.faults import parse
from esmed.simulator.hooks import Kind
from esmed.simulator.kinds import KINDS
from esmed.simulator.kinds.link import Garbage
from pdu import (
    BindReceiver,
    BindTransceiverResp,
    BindTransmitter,
    CancelSm,
    CommandStatus,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    QuerySm,
    QuerySmResp,
    SubmitSmResp,
    Tag,
    Unbind,
    UnbindResp,
    tlv,
    udh,
)

Scenario = Callable[[SmscSimulator], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(test: Scenario) -> Scenario:
    """The function of this name shows the kind of this name."""
    SCENARIOS[test.__name__] = test
    return test


def fault(text: str) -> Kind:
    return parse(text, KINDS)


def test_a_kind_without_hooks_does_nothing() -> None:
    assert Kind().outgoing(b"frame") == b"frame"
    assert Kind().write(b"octets") == [b"octets"]
    assert Kind().bind(None) == 0  # type: ignore[arg-type]


def test_every_kind_has_its_scenario() -> None:
    assert set(SCENARIOS) == set(KINDS)


def test_the_documentation_names_every_kind_and_its_examples_are_right() -> None:
    text = (Path(__file__).parents[2] / "docs/simulator.md").read_text("utf-8")
    table = text.partition("| kind | does |")[2].partition("\n\n")[0]
    examples = [
        example.replace("HEX", "00").replace("code=…", "code=8")
        for row in table.splitlines()[2:]
        for example in re.findall(r"`([^`]+)`", row.split("|")[1])
        if not example.startswith("code=")
    ]
    assert {fault(example).kind for example in examples} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
async def test_kind(kind: str, simulate: Simulate) -> None:
    simulator = await simulate(redeliver_after=600)
    await SCENARIOS[kind](simulator)
    # Whatever it was, it is over when it is taken away.
    simulator.clear_faults()
    await until(lambda: simulator.stats.faults == [])
    await until(lambda: simulator.listener.listening)
    peer = await bound(simulator.port, system_id="afterwards")
    assert (await peer.submit()).status == 0
    await peer.delivery()
    await peer.nothing()
    peer.close()


@scenario
async def refuse_connect(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("refuse_connect"))
    with pytest.raises(ConnectionRefusedError):
        await connect(simulator.port)
    assert (await peer.submit()).status == 0
    peer.close()


@scenario
async def hang_up(simulator: SmscSimulator) -> None:
    simulator.add_fault(fault("hang_up"))
    peer = await connect(simulator.port)
    assert await peer.ended() is None
    assert peer.segments == []


@scenario
async def drop(simulator: SmscSimulator) -> None:
    peers = [await bound(simulator.port), await connect(simulator.port)]
    simulator.add_fault(fault("drop"))
    for peer in peers:
        assert isinstance(await peer.ended(), ConnectionResetError)


@scenario
async def fin(simulator: SmscSimulator) -> None:
    simulator.add_fault(fault("fin after=2"))
    peer = await bound(simulator.port)
    sequences = [peer.start_submit(registered_delivery=0) for _ in range(3)]
    answers = [await peer.next(SubmitSmResp) for _ in range(2)]
    assert [answer.sequence for answer in answers] == sequences[:2]
    assert await peer.ended() is None
    assert simulator.stats.submits == 2


@scenario
async def unbind(simulator: SmscSimulator) -> None:
    polite, rude = await bound(simulator.port), await bound(simulator.port)
    unbound = await connect(simulator.port)
    simulator.add_fault(fault("unbind"))
    request = await polite.next(Unbind)
    polite.send(UnbindResp(sequence=request.sequence))
    assert await polite.ended() is None
    # Without an answer it is closed after a while all the same.
    await rude.next(Unbind)
    assert await rude.ended() is None
    await unbound.nothing()
    unbound.close()


@scenario
async def split_writes(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    peer.segments.clear()
    key = simulator.add_fault(fault("split_writes size=3"))
    for _ in range(4):
        peer.start_submit()
    for _ in range(4):
        assert (await peer.next(SubmitSmResp)).status == 0
    for _ in range(4):
        await peer.delivery()
    octets = len(b"".join(peer.segments))
    assert len(peer.segments) > octets / 10
    # What is still in pieces stays in front of what comes after the fault.
    peer.start_submit(registered_delivery=0)
    await until(lambda: simulator.stats.submits == 5)
    simulator.remove_fault(key)
    peer.send(EnquireLink(sequence=500))
    await peer.next(SubmitSmResp)
    await peer.next(EnquireLinkResp)
    peer.close()


@scenario
async def garbage(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    peer.raw()
    peer.segments.clear()
    simulator.add_fault(fault("garbage"))
    simulator.add_fault(fault("garbage data=ffff00"))
    await until(lambda: len(b"".join(peer.segments)) > 40)
    octets = b"".join(peer.segments)
    assert octets.startswith(b"HTTP/1.1 400")
    assert octets.endswith(b"\xff\xff\0")
    peer.close()


@scenario
async def truncated(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    peer.segments.clear()
    simulator.add_fault(fault("truncated"))
    assert await peer.ended() is None
    octets = b"".join(peer.segments)
    (length,) = struct.unpack_from(">I", octets)
    assert 16 < len(octets) < length


@scenario
async def bad_length(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    peer.raw()
    peer.segments.clear()
    simulator.add_fault(fault("bad_length length=0x80000000"))
    await until(lambda: len(b"".join(peer.segments)) == 16)
    assert b"".join(peer.segments).startswith(b"\x80\0\0\0")
    peer.close()


@scenario
async def unknown_command(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("unknown_command command=0x10203"))
    pdu = await peer.next(object)
    assert getattr(pdu, "command_id", None) == 66051
    await peer.nothing()
    peer.close()


@scenario
async def unknown_tlvs(simulator: SmscSimulator) -> None:
    simulator.add_fault(fault("unknown_tlvs tag=5125 value=616263"))
    peer = await connect(simulator.port)
    answer = await peer.bind()
    assert isinstance(answer, BindTransceiverResp)
    assert (5125, b"abc") in answer.tlvs
    assert (await peer.submit()).tlvs == ((5125, b"abc"),)
    assert (5125, b"abc") in (await peer.delivery()).tlvs
    await peer.nothing()
    simulator.clear_faults()
    peer.segments.clear()
    simulator.add_fault(fault("unknown_tlvs cut=true"))
    assert (await peer.submit(registered_delivery=0)).tlvs == ()
    assert b"\x14\x03\0\x15\x01\x02\x03\x04\x05" in b"".join(peer.segments)
    peer.close()


@scenario
async def wrong_password(simulator: SmscSimulator) -> None:
    simulator.add_fault(fault("wrong_password times=1"))
    peer = await connect(simulator.port)
    assert (await peer.bind()).status == CommandStatus.ESME_RINVPASWD
    assert (await peer.bind()).status == 0
    peer.close()


@scenario
async def already_bound(simulator: SmscSimulator) -> None:
    simulator.add_fault(fault("already_bound"))
    peer = await connect(simulator.port)
    assert (await peer.bind()).status == CommandStatus.ESME_RALYBND
    peer.close()


@scenario
async def glued(simulator: SmscSimulator) -> None:
    simulator.add_fault(fault("glued text=stuck"))
    peer = await connect(simulator.port)
    await peer.bind()
    assert (await peer.delivery()).short_message == b"stuck"
    assert len(peer.segments) == 1
    transmitter = await connect(simulator.port)
    await transmitter.bind(BindReceiver)
    peer.close()
    transmitter.close()


@scenario
async def silence(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.inject_mo()
    early = await peer.next(DeliverSm)
    key = simulator.add_fault(fault("silence"))
    for _ in range(3):
        peer.start_submit()
    peer.send(EnquireLink(sequence=100))
    simulator.inject_mo()
    # Responses are read all the same, and this one tells that all before it was.
    peer.send(DeliverSmResp(sequence=early.sequence))
    await until(lambda: simulator.stats.mo.acknowledged == 1)
    simulator.remove_fault(key)
    # Nothing of it was kept back: not accepted, not answered.
    assert simulator.stats.submits == 0
    await peer.nothing()
    peer.close()


@scenario
async def enquire_link_unanswered(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    key = simulator.add_fault(fault("enquire_link_unanswered"))
    peer.send(EnquireLink(sequence=100))
    assert (await peer.submit(registered_delivery=0)).status == 0
    simulator.remove_fault(key)
    await peer.nothing()
    peer.close()


@scenario
async def slow_responses(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    gone = await bound(simulator.port)
    simulator.add_fault(fault("slow_responses delay=1500ms"))
    began = simulator.agenda.now()
    gone.start_submit()
    first, second = peer.start_submit(), peer.start_submit()
    gone.close()
    await until(lambda: simulator.stats.connections == 1)
    assert simulator.stats.submits == 0
    answers = [await peer.next(SubmitSmResp) for _ in range(2)]
    assert simulator.agenda.now() - began > 1.49
    assert [answer.sequence for answer in answers] == [first, second]
    assert simulator.stats.submits == 2
    peer.close()


@scenario
async def generic_nack(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("generic_nack"))
    sequence = peer.start_submit()
    answer = await peer.next(GenericNack)
    assert (answer.sequence, answer.status) == (sequence, 3)
    peer.send(QuerySm(sequence=40, message_id="1"))
    assert (await peer.next(GenericNack)).sequence == 40
    await peer.nothing()
    assert simulator.stats.submits == 0
    peer.close()


async def refused(simulator: SmscSimulator, spec: str, status: int) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault(spec))
    assert (await peer.submit()).status == status
    await peer.nothing()
    assert simulator.messages() == []
    peer.close()


@scenario
async def status(simulator: SmscSimulator) -> None:
    await refused(simulator, "status code=0x455", 0x455)


@scenario
async def queue_full(simulator: SmscSimulator) -> None:
    await refused(simulator, "queue_full", CommandStatus.ESME_RMSGQFUL)


@scenario
async def throttle(simulator: SmscSimulator) -> None:
    await refused(simulator, "throttle", CommandStatus.ESME_RTHROTTLED)
    simulator.clear_faults()
    peer = await bound(simulator.port)
    simulator.add_fault(fault("throttle limit=5/h"))
    statuses = [(await peer.submit(registered_delivery=0)).status for _ in range(3)]
    assert statuses == [0, CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RTHROTTLED]
    peer.close()


@scenario
async def outcome(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("outcome steps=ENROUTE,EXPIRED times=1"))
    await peer.submit()
    for stat in (b"ENROUTE", b"EXPIRED"):
        assert b"stat:" + stat in (await peer.delivery()).short_message
    await peer.submit()
    assert b"stat:DELIVRD" in (await peer.delivery()).short_message
    peer.close()


@scenario
async def no_response(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("no_response"))
    peer.start_submit()
    assert b"stat:DELIVRD" in (await peer.delivery()).short_message
    await peer.nothing()
    assert len(simulator.messages()) == 1
    peer.close()


@scenario
async def late_response(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("late_response delay=0.2 times=1"))
    began = simulator.agenda.now()
    late, prompt = peer.start_submit(), peer.start_submit(registered_delivery=0)
    assert (await peer.next(SubmitSmResp)).sequence == prompt
    assert simulator.stats.submits == 2
    assert (await peer.next(SubmitSmResp)).sequence == late
    assert simulator.agenda.now() - began > 0.19
    await peer.delivery()
    peer.close()


@scenario
async def duplicate_response(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("duplicate_response"))
    first = await peer.submit(registered_delivery=0)
    assert await peer.next(SubmitSmResp) == first
    await peer.nothing()
    peer.close()


@scenario
async def receipt_before_response(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("receipt_before_response"))
    peer.start_submit()
    receipt = await peer.delivery()
    answer = await peer.next(SubmitSmResp)
    assert f"id:{answer.message_id} ".encode() in receipt.short_message
    await peer.nothing()
    # Together with a late response it is earlier still.
    simulator.add_fault(fault("late_response delay=0.1"))
    peer.start_submit()
    await peer.delivery()
    await peer.next(SubmitSmResp)
    peer.close()


@scenario
async def receipt_twice(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("receipt_twice"))
    await peer.submit()
    first, second = await peer.delivery(), await peer.delivery()
    assert first.short_message == second.short_message
    assert first.sequence != second.sequence
    await peer.nothing()
    peer.close()


@scenario
async def receipt_on_other_bind(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("receipt_on_other_bind"))
    # Nobody else is there.
    await peer.submit()
    await peer.delivery()
    other = await bound(simulator.port)
    answer = await peer.submit()
    receipt = await other.next(DeliverSm)
    other.send(DeliverSmResp(sequence=receipt.sequence))
    assert f"id:{answer.message_id} ".encode() in receipt.short_message
    await peer.nothing()
    peer.close()
    other.close()


@scenario
async def receipt_lost(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("receipt_lost times=1"))
    lost = await peer.submit()
    kept = await peer.submit()
    assert f"id:{kept.message_id} ".encode() in (await peer.delivery()).short_message
    await peer.nothing()
    peer.send(QuerySm(sequence=80, message_id=lost.message_id))
    assert (await peer.next(QuerySmResp)).status == 0
    peer.close()


@scenario
async def stall_connect(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("stall_connect"))
    await until(lambda: simulator.listener.listening)
    stalled = await connect(simulator.port)
    stalled.send(BindTransmitter(sequence=1, system_id="esme"))
    # Whoever is bound stays so.
    await peer.nothing()
    assert stalled.segments == []
    simulator.clear_faults()
    await stalled.ended()
    peer.close()


@scenario
async def half_open(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("half_open"))
    peer.start_submit()
    peer.send(EnquireLink(sequence=77))
    other = await bound(simulator.port)
    answer = await other.submit()
    # What it would get goes to others.
    receipt = await other.delivery()
    assert f"id:{answer.message_id} ".encode() in receipt.short_message
    assert simulator.stats.submits == 1
    assert not peer.closed.done()
    peer.close()
    await until(lambda: simulator.stats.connections == 1)
    other.close()


@scenario
async def forgets_binds(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("forgets_binds"))
    assert (await peer.submit()).status == CommandStatus.ESME_RINVBNDSTS
    await peer.nothing()
    peer.close()


@scenario
async def unsupported(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("unsupported"))
    sent = await peer.submit(registered_delivery=0)
    for request in (QuerySm, CancelSm):
        peer.send(request(sequence=80, message_id=sent.message_id))
        assert (await peer.next(GenericNack)).status == CommandStatus.ESME_RINVCMDID
    peer.close()


@scenario
async def odd_response(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    peer.raw()
    for body, octets in (("none", b""), ("empty", b"\0")):
        simulator.clear_faults()
        simulator.add_fault(fault(f"odd_response body={body}"))
        for destination in ("380501234567", ""):  # taken, refused
            peer.segments.clear()
            peer.start_submit(destination_addr=destination, registered_delivery=0)
            await until(lambda: len(b"".join(peer.segments)) >= 16)
            whole = b"".join(peer.segments)
            assert (struct.unpack_from(">I", whole)[0], whole[16:]) == (
                16 + len(octets),
                octets,
            )
    peer.close()


@scenario
async def receipt_unasked(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(fault("receipt_unasked times=1"))
    answer = await peer.submit(registered_delivery=0)
    receipt = await peer.delivery()
    assert f"id:{answer.message_id} ".encode() in receipt.short_message
    await peer.submit(registered_delivery=0)
    await peer.nothing()
    peer.close()


@scenario
async def receipt_odd(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    odd = 'receipt_odd text="Id:{id};{stat}{nothing}" esm_class=0 tlvs=false times=1'
    simulator.add_fault(fault(odd))
    answer = await peer.submit()
    receipt = await peer.delivery()
    assert receipt.short_message == f"Id:{answer.message_id};DELIVRD".encode()
    assert (receipt.esm_class, receipt.tlvs) == (0, ())
    assert receipt.source_addr == "380501234567"
    simulator.clear_faults()
    simulator.add_fault(fault("receipt_odd swapped=false data_sm=true"))
    answer = await peer.submit()
    data = await peer.next(DataSm)
    assert (data.source_addr, data.destination_addr) == ("shop", "380501234567")
    assert data.esm_class == 4
    text = tlv.get_bytes(data.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    assert f"id:{answer.message_id} ".encode() in text
    assert tlv.get_bytes(data.tlvs, Tag.MESSAGE_STATE) == b"\2"
    before = simulator.stats.receipts.acknowledged
    peer.send(DataSmResp(sequence=data.sequence))
    await until(lambda: simulator.stats.receipts.acknowledged == before + 1)
    peer.close()


@scenario
async def mo(simulator: SmscSimulator) -> None:
    peer = await bound(simulator.port)
    simulator.add_fault(
        fault('mo at=0.01 every=0.01 times=2 count=2 text="Hi there" from=49 to=911')
    )
    for _ in range(4):
        received = await peer.delivery()
        assert (
            received.short_message,
            received.source_addr,
            received.destination_addr,
        ) == (b"Hi there", "49", "911")
    long = "y" * 200
    simulator.add_fault(fault(f"mo text={long} concat=udh16 parts_order=2,1"))
    assert [await part_of(peer) for _ in range(2)] == [2, 1]
    await peer.nothing()
    peer.close()


async def part_of(peer: Peer) -> int:
    header, _ = udh.split((await peer.delivery()).short_message)
    assert header is not None
    assert header.concatenation is not None
    return header.concatenation.part


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("outcome steps=DELIVERED", "is not a command_status"),
        ("garbage data=xyz", "hexadecimal"),
        ("unknown_tlvs value=xyz", "hexadecimal"),
        ("unknown_tlvs tag=0x10000", "tag has 16 bits"),
        ("mo parts_order=2", "not among 1 to 1"),
        ("mo data=xyz", "hexadecimal"),
        ("mo concat=magic", "Invalid enum value"),
    ],
)
def test_nonsense(spec: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        fault(spec)


class TestSchedule:
    """The schedule at work in a simulator."""

    async def test_from_the_start_for_a_while(
        self, simulate: Simulate, open_peer: Connect
    ) -> None:
        simulator = await simulate(faults=(fault("refuse_connect for=2"),))
        assert simulator.port > 0
        with pytest.raises(ConnectionRefusedError):
            await open_peer(simulator)
        await until(lambda: simulator.listener.listening)
        await open_peer(simulator)

    async def test_two_refusals_that_overlap(
        self, simulate: Simulate, open_peer: Connect
    ) -> None:
        simulator = await simulate()
        first = simulator.add_fault(fault("refuse_connect"))
        second = simulator.add_fault(fault("refuse_connect"))
        simulator.remove_fault(first)
        with pytest.raises(ConnectionRefusedError):
            await open_peer(simulator)
        simulator.remove_fault(second)
        # Refused again before the listener is back.
        third = simulator.add_fault(fault("refuse_connect"))
        simulator.remove_fault(third)
        await until(lambda: simulator.listener.listening)
        assert not simulator.remove_fault(third)

    async def test_refused_again_while_the_listener_opens(
        self, simulate: Simulate, open_peer: Connect
    ) -> None:
        simulator = await simulate()
        first = simulator.add_fault(fault("refuse_connect"))
        simulator.remove_fault(first)
        await asyncio.sleep(0)
        second = simulator.add_fault(fault("refuse_connect"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not simulator.listener.listening
        with pytest.raises(ConnectionRefusedError):
            await open_peer(simulator)
        simulator.remove_fault(second)
        await until(lambda: simulator.listener.listening)

    async def test_stopped_while_the_listener_opens(self, simulate: Simulate) -> None:
        simulator = await simulate()
        simulator.remove_fault(simulator.add_fault(fault("refuse_connect")))
        await simulator.stop()
        assert not simulator.listener.listening

    async def test_what_never_strikes_changes_nothing(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        faults = tuple(
            parse({"kind": kind, "p": 0}, KINDS)
            for kind in KINDS
            if kind not in {"refuse_connect", "stall_connect"}
        )
        simulator = await simulate(faults=faults)
        peer = await bound_peer(simulator)
        assert (await peer.submit()).status == 0
        await peer.delivery()
        await peer.nothing()

    async def test_dropped_between_two_pieces(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        simulator = await simulate()
        peer = await bound_peer(simulator)
        peer.raw()
        peer.segments.clear()
        simulator.add_fault(fault("split_writes"))
        for _ in range(40):
            peer.start_submit(registered_delivery=0)
        await until(lambda: simulator.stats.submits == 40)
        simulator.drop("rst")
        await peer.ended()
        assert len(b"".join(peer.segments)) < 40 * 17

    async def test_a_drop_in_the_middle_of_a_read_mixes_nobody_up(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        simulator = await simulate(faults=(fault("fin after=3"),))
        others = [await bound_peer(simulator, system_id="other") for _ in range(8)]
        peer = await bound_peer(simulator)
        for _ in range(3):
            peer.start_submit()
        for _ in range(3):
            await peer.next(SubmitSmResp)
        for each in (peer, *others):
            assert await each.ended() is None
        again = await bound_peer(simulator)
        for _ in range(3):
            await again.delivery()
        other = await bound_peer(simulator, system_id="other")
        await other.nothing()

    async def test_two_faults_at_once(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        faults = (fault("late_response delay=50ms"), fault("fin after=1"))
        simulator = await simulate(faults=(*faults, fault("garbage after=1")))
        peer = await bound_peer(simulator)
        peer.segments.clear()
        peer.start_submit()
        assert await peer.ended() is None
        # Neither the garbage nor the response that is due later reaches it.
        await until(lambda: simulator.stats.waiting == 1)
        assert peer.segments == []

    async def test_who_reads_again_and_gets_no_receipts(
        self, simulate: Simulate, open_peer: Connect
    ) -> None:
        simulator = await simulate()
        peer = await open_peer(simulator)
        await peer.bind(BindTransmitter)
        peer.transport.pause_reading()
        peer.raw()
        peer.segments.clear()
        octets = 20_000_000
        simulator.add_fault(Garbage(data="00" * octets))
        peer.transport.resume_reading()
        await until(lambda: sum(map(len, peer.segments)) == octets)

    async def test_since_the_first_bind(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        spec = "status code=RSUBMITFAIL since=bind at=2 for=60"
        simulator = await simulate(faults=(fault(spec),))
        assert simulator.stats.faults == []
        peer = await bound_peer(simulator)
        assert (await peer.submit(registered_delivery=0)).status == 0
        await until(lambda: simulator.stats.faults == ["status"])
        status = (await peer.submit()).status
        assert status == CommandStatus.ESME_RSUBMITFAIL

    async def test_a_nearer_deadline_overtakes(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        simulator = await simulate(faults=(fault("drop at=3"),))
        first = await bound_peer(simulator)
        simulator.add_fault(fault("fin at=0.05"))
        assert await first.ended() is None
        second = await bound_peer(simulator)
        assert isinstance(await second.ended(), ConnectionResetError)

    async def test_some_destinations_only(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        simulator = await simulate(faults=(fault("queue_full to=38050 times=1"),))
        peer = await bound_peer(simulator)
        statuses = [
            (await peer.submit(destination_addr=to, registered_delivery=0)).status
            for to in ("49151", "380501", "380502", "49152")
        ]
        assert statuses == [0, CommandStatus.ESME_RMSGQFUL, 0, 0]

    async def test_a_tls_handshake_that_never_ends(
        self, simulate: Simulate, certified: tuple[Path, Path]
    ) -> None:
        certificate, key = certified
        simulator = await simulate(tls_certificate=certificate, tls_key=key)
        simulator.add_fault(fault("stall_connect"))
        await until(lambda: simulator.listener.listening)
        stalled = await connect(simulator.port)
        stalled.raw()
        stalled.transport.write(b"\x16\x03\x01")
        simulator.clear_faults()
        await stalled.ended()
        assert stalled.segments == []
        await until(lambda: simulator.listener.listening)
        tls = ssl.create_default_context(cafile=certificate)
        peer = await connect(simulator.port, tls)
        assert (await peer.bind()).status == 0
        peer.close()

    async def test_the_same_seed_strikes_the_same(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        struck = []
        for seed in (1, 1, 2):
            faults = (fault("queue_full p=0.5"),)
            peer = await bound_peer(await simulate(seed=seed, faults=faults))
            struck.append(
                [(await peer.submit(registered_delivery=0)).status for _ in range(40)]
            )
        assert struck[0] == struck[1] != struck[2]
        assert 5 < struck[0].count(0) < 35

    async def test_only_the_sessions_named_are_dropped(
        self, simulate: Simulate, bound_peer: Connect
    ) -> None:
        simulator = await simulate()
        one = await bound_peer(simulator, system_id="one")
        two = await bound_peer(simulator, system_id="two")
        assert simulator.drop("fin", "one") == 1
        assert await one.ended() is None
        await two.nothing()
