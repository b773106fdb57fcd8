"""esmed.smpp.connector and sender: the whole SMPP side against fake SMSCs."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from fakes.connectorrig import Rig
from fakes.sink import request
from fakes.smsc import fake_smsc, refuse
from fakes.wait import eventually, settle
from fakes.wire import wire_peer

from esmed.connector import Connector, Health, HealthState, Job, Usage
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Plan,
    Rejected,
    Unknown,
)
from esmed.smpp import pace as pace_module
from esmed.smpp import sender as sender_module
from esmed.smpp.config import Backoff
from esmed.smpp.connector import SmppConnector
from esmed.smpp.throttle import Throttle
from esmed.tlsconfig import Tls
from pdu import (
    BindTransceiver,
    BindTransceiverResp,
    CommandStatus,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    decode,
    encode,
)


def numbered(count: int, first: int = 1) -> list[str]:
    return [str(number) for number in range(first, first + count)]


# --- one message ---------------------------------------------------------------------


def test_it_is_a_connector():
    rig = Rig([1], None)
    connector: Connector = rig.connector
    assert (connector.name, connector.kind) == ("carrier", "smpp")
    assert connector.capacity() == 0
    assert connector.health().state is HealthState.DOWN
    rig.metrics.render()


async def test_a_message_goes_and_its_outcome_is_told(smsc, make):
    rig = await make(smsc)
    (job,) = rig.submit("hello")
    await rig.answered(1)
    (result,) = rig.sink.outcomes
    assert result.seq == job.queued.seq
    assert result.part == 1
    assert result.connector == "carrier"
    assert result.host == smsc.address
    assert result.sequence == smsc.submitted[0].sequence
    assert 0 < result.at <= result.answered_at
    assert result.outcome == Accepted("m1")
    assert result.reason == "first choice"
    assert smsc.texts == ["hello"]


async def test_data_sm_goes_and_is_answered(smsc, make):
    rig = await make(smsc, submit_with="data_sm")
    rig.submit("hello")
    await rig.answered(1)
    assert rig.outcomes() == [Accepted("d1")]
    (pdu,) = smsc.connections[0].of(DataSm)
    assert (0x0424, b"hello") in pdu.tlvs


async def test_parts_leave_in_order(smsc, make):
    rig = await make(smsc)
    rig.submit("a" * 400, "b")
    await rig.answered(4)
    assert [r.part for r in rig.sink.outcomes] == [1, 2, 3, 1]
    assert [len(pdu.short_message) for pdu in smsc.submitted] == [159, 159, 100, 1]
    references = {pdu.short_message[3] for pdu in smsc.submitted[:3]}
    assert len(references) == 1


async def test_only_the_parts_that_are_asked_for(smsc, make):
    rig = await make(smsc)
    job = rig.job("a" * 400)
    job.parts.remove(2)
    rig.connector.submit([job])
    await rig.answered(2)
    assert [r.part for r in rig.sink.outcomes] == [1, 3]
    assert [pdu.short_message[5] for pdu in smsc.submitted] == [1, 3]


async def test_references_differ_and_are_only_used_up_by_parts(smsc, make):
    rig = await make(smsc)
    plans = [rig.connector.plan(request("a" * 200)) for _ in range(3)]
    assert isinstance(rig.connector.plan(request("a")), Plan)
    assert isinstance(rig.connector.plan(request(from_="Магазин")), Fault)
    plans.append(rig.connector.plan(request("a" * 200)))
    first = plans[0].reference
    assert [p.reference for p in plans] == [(first + n) & 0xFFFF for n in range(4)]


# --- outcomes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "cls"),
    [
        (0x0B, Rejected, FaultClass.MESSAGE),
        (0x0A, Rejected, FaultClass.ACCOUNT),
        (0x43, Rejected, FaultClass.PROTOCOL),
        (0x14, Deferred, FaultClass.TEMPORARY),
        (0x455, Deferred, FaultClass.TEMPORARY),
    ],
)
async def test_refusals(smsc, make, status, kind, cls):
    smsc.answer = lambda pdu: refuse(pdu, status)
    rig = await make(smsc)
    rig.submit("hello")
    await rig.answered(1)
    (outcome,) = rig.outcomes()
    assert type(outcome) is kind
    assert (outcome.fault.cls, outcome.fault.code) == (cls, status)


async def test_generic_nack_refuses(smsc, make):
    smsc.answer = lambda pdu: GenericNack(sequence=pdu.sequence, status=0x02)
    rig = await make(smsc)
    rig.submit("hello")
    await rig.answered(1)
    assert rig.outcomes()[0].fault.code == 0x02


async def test_a_generic_nack_without_an_error_is_no_acceptance(smsc, make):
    smsc.answer = lambda pdu: GenericNack(sequence=pdu.sequence)
    rig = await make(smsc)
    rig.submit("hello")
    await rig.answered(1)
    assert rig.outcomes()[0].fault.cls is FaultClass.PROTOCOL


async def test_an_id_may_be_empty(smsc, make):
    smsc.answer = lambda pdu: SubmitSmResp(sequence=pdu.sequence)
    rig = await make(smsc)
    rig.submit("hello")
    await rig.answered(1)
    assert rig.outcomes() == [Accepted("")]


async def test_no_answer_in_time_then_a_late_one(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, response_timeout=0.05)
    rig.submit("hello")
    await rig.answered(1)
    (result,) = rig.sink.outcomes
    assert result.outcome == Unknown("no answer within 0.05 s")
    smsc.bound[0].send(SubmitSmResp(sequence=held[0].sequence, message_id="late"))
    await rig.sink.until(lambda: rig.sink.late_ones)
    (late,) = rig.sink.late_ones
    assert late.outcome == Accepted("late")
    assert (late.seq, late.part, late.host) == (result.seq, result.part, result.host)
    assert (late.at, late.sequence) == (result.at, result.sequence)


async def test_the_loss_of_the_link_leaves_outcomes_unknown(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, window=3)
    jobs = rig.submit(*numbered(5))
    await smsc.until(lambda: len(smsc.submitted) == 3)
    smsc.bound[0].reset()
    await rig.answered(3)
    assert all(isinstance(outcome, Unknown) for outcome in rig.outcomes())
    assert "connection lost" in rig.outcomes()[0].reason
    assert [r.seq for r in rig.sink.outcomes] == [job.queued.seq for job in jobs[:3]]
    await rig.sink.until(lambda: rig.sink.given_back)
    assert rig.sink.given_back == [(jobs[3], [1]), (jobs[4], [1])]
    assert rig.unreported() == 0
    assert rig.sink.ended[0].startswith(f"carrier/{smsc.address}/")


async def test_the_peer_leaves_with_requests_in_flight(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc)
    rig.submit(*numbered(3))
    await smsc.until(lambda: len(smsc.submitted) == 3)
    smsc.bound[0].send(Unbind(sequence=1))
    await rig.answered(3)
    assert rig.outcomes() == [Unknown("unbound by the SMSC")] * 3
    await rig.up()


async def test_silence_after_enquire_link_gives_the_requests_up(smsc, make):
    rig = await make(smsc, enquire_link=0.05, enquire_link_timeout=0.05)
    smsc.silent = True
    rig.submit("hello")
    await rig.answered(1)
    assert "no answer to enquire_link" in rig.outcomes()[0].reason


# --- what is not written -------------------------------------------------------------


async def test_what_has_expired_is_returned_not_written(smsc, make):
    rig = await make(smsc)
    stale, fresh = rig.job("a" * 200, expires_at=1), rig.job("fresh")
    rig.connector.submit([stale, fresh])
    await rig.answered(1)
    assert rig.sink.given_back == [(stale, [1, 2])]
    assert smsc.texts == ["fresh"]
    assert rig.connector.usage().window_used == 0


async def test_a_stopped_job_is_returned_not_written(smsc, make):
    rig = await make(smsc, window=1)
    rig.sink.releases = False
    jobs = [rig.job("a"), rig.job("b" * 200), rig.job("c")]
    rig.connector.submit(jobs)
    jobs[1].stopped = True
    await rig.answered(1)
    rig.connector.release(1)
    await rig.answered(2)
    assert rig.sink.given_back == [(jobs[1], [1, 2])]
    assert smsc.texts == ["a", "c"]


async def test_what_does_not_fit_the_wire_is_rejected(smsc, make):
    rig = await make(smsc)
    rig.sink.releases = False
    rig.connector.submit([rig.job("a", expires_at=1 << 60)])
    (outcome,) = rig.outcomes()
    assert isinstance(outcome, Rejected)
    assert outcome.fault.cls is FaultClass.MESSAGE
    assert rig.sink.outcomes[0].sequence is None
    # As if it had been written: its slot is free when the outcome is on disk.
    assert rig.connector.usage().window_used == 1
    rig.connector.release(1)
    assert rig.connector.usage().window_used == 0


async def test_a_plan_from_before_the_configuration_changed(smsc, make):
    before = Rig([1], None).job(from_=None)
    rig = await make(smsc, default_from="Магазин")
    rig.connector.submit([before])
    (outcome,) = rig.outcomes()
    assert isinstance(outcome, Rejected)
    assert outcome.fault.code == "from"


async def test_submitted_while_down_is_returned(smsc, make):
    smsc.answers_bind = False
    rig = await make(smsc, up=False)
    assert rig.connector.capacity() == 0
    (job,) = rig.submit("a")
    assert rig.sink.given_back == [(job, [1])]


# --- window and rate -----------------------------------------------------------------


async def test_the_window_is_never_exceeded(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, window=4)
    assert rig.connector.capacity() == 4
    rig.submit(*numbered(10))
    assert rig.connector.capacity() == 0
    for answered in range(10):
        await smsc.until(lambda: len(held) > answered)  # noqa: B023
        assert len(held) - answered <= 4
        smsc.bound[0].send(smsc.accept(held[answered]))
        await rig.answered(answered + 1)
    assert smsc.texts == numbered(10)
    assert rig.connector.capacity() == 4


async def test_a_slot_is_kept_until_the_outcome_is_on_disk(smsc, make):
    rig = await make(smsc, window=2)
    rig.sink.releases = False
    rig.submit(*numbered(4))
    await rig.answered(2)
    assert rig.connector.usage() == Usage(2, 2, None, None)
    assert rig.connector.capacity() == 0
    await settle()
    assert len(smsc.submitted) == 2
    rig.connector.release(1)
    await rig.answered(3)
    assert len(smsc.submitted) == 3
    rig.connector.release(2)
    await rig.answered(4)
    rig.connector.release(1)
    assert rig.connector.capacity() == 2


async def test_capacity_counts_what_waits(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, window=5)
    rig.submit("a", "b" * 200)
    assert rig.connector.capacity() == 2
    rig.submit("c" * 400)
    assert rig.connector.capacity() == 0


async def test_the_rate_is_a_ceiling(smsc, make):
    rig = await make(smsc, rate=100.0, window=1000)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    rig.submit(*numbered(30))
    await rig.answered(30)
    took = loop.time() - begun
    # Two may leave at once, and then one each ten milliseconds.
    assert took >= 0.27
    assert smsc.texts == numbered(30)
    assert rig.connector.usage() == Usage(0, 1000, 100.0, 100.0)


async def test_a_wake_tells_that_the_rate_allows_more(smsc, make):
    rig = await make(smsc, rate=20.0)
    rig.submit("a")
    assert rig.connector.capacity() == 0
    await rig.answered(1)
    wakes = rig.sink.wakes
    await rig.sink.until(lambda: rig.sink.wakes > wakes and rig.connector.capacity())


async def test_time_that_passes_while_we_look_stops_nothing(smsc, make, monkeypatch):
    """A machine that stalls between writing and setting the alarm."""
    smsc.answer = smsc.ignore
    rig = await make(smsc, rate=100.0, window=1000)
    now = rig.connector._submission.now()

    def later() -> float:
        nonlocal now
        now += 0.02
        return float(now)

    monkeypatch.setattr(rig.connector._submission, "now", later)
    rig.submit(*numbered(10))
    await smsc.until(lambda: len(smsc.submitted) == 10)
    rig.submit(*numbered(10))
    rig.connector.freeze(True)
    rig.connector.freeze(False)
    await smsc.until(lambda: len(smsc.submitted) == 20)
    monkeypatch.undo()


async def test_a_full_socket_takes_nothing_more(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, window=1000)
    transport = rig.connector._hosts.all[0].links[0].transport
    transport.pause_writing()
    assert rig.connector.capacity() == 0
    rig.submit("a")
    await settle()
    assert smsc.submitted == []
    wakes = rig.sink.wakes
    transport.resume_writing()
    assert rig.sink.wakes > wakes
    await smsc.until(lambda: smsc.submitted)


async def test_a_socket_of_the_backup_that_is_writable_again_changes_nothing(
    smsc, backup, make
):
    rig = await make(smsc, backup)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    wakes = rig.sink.wakes
    rig.connector.link_writable(rig.connector._hosts.all[1].links[0])
    assert rig.sink.wakes == wakes


# --- throttling ----------------------------------------------------------------------


@pytest.fixture
def quick_throttle(monkeypatch):
    monkeypatch.setattr(pace_module, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(sender_module, "Throttle", partial(Throttle, 0.1, 0.4))


async def test_throttled_parts_go_again_in_their_order(smsc, make, quick_throttle):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, window=3)
    rig.submit(*numbered(6))
    await smsc.until(lambda: len(held) == 3)
    first, second, third = held
    smsc.bound[0].send(smsc.throttle(third))
    smsc.bound[0].send(smsc.accept(second))
    smsc.bound[0].send(smsc.throttle(first))
    await rig.answered(1)
    assert rig.connector.capacity() == 0
    # One probe goes first, and alone.
    await smsc.until(lambda: len(held) == 4)
    assert held[3].short_message == b"1"
    await asyncio.sleep(0.15)
    assert len(held) == 4
    smsc.answer = smsc.accept
    smsc.bound[0].send(smsc.accept(held[3]))
    await rig.answered(6)
    assert smsc.texts == ["1", "2", "3", "1", "3", "4", "5", "6"]
    assert rig.connector.usage().window_used == 0
    assert all(isinstance(outcome, Accepted) for outcome in rig.outcomes())


async def test_a_throttled_probe_waits_longer(smsc, make, quick_throttle):
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def answer(pdu):
        times.append(loop.time())
        return smsc.throttle(pdu) if len(times) < 4 else smsc.accept(pdu)

    smsc.answer = answer
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: times)
    await eventually(lambda: rig.connector._sender.throttle.active)
    assert rig.connector.health() == Health(
        HealthState.UP, rig.connector.health().since, "throttled by the SMSC"
    )
    await rig.answered(1)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] >= 0.09
    assert pauses[1] >= 0.19
    assert pauses[2] >= 0.39
    assert smsc.texts == ["a"] * 4
    assert rig.outcomes() == [Accepted("m1")]
    assert rig.connector.health().reason == ""
    meters = rig.metrics.connector("carrier")
    assert meters.submit_status[0x58].value == 3
    assert meters.submit_status[0].value == 1
    assert meters.limited_seconds["throttle"].value >= 0.6


async def test_throttled_parts_are_returned_when_the_link_is_lost(
    smsc, make, quick_throttle
):
    smsc.answer = smsc.throttle
    rig = await make(smsc, window=2)
    jobs = rig.submit("a", "b", "c")
    await eventually(lambda: rig.connector._sender.throttle.active)
    await smsc.stop()
    await rig.sink.until(lambda: len(rig.sink.given_back) + len(rig.outcomes()) == 3)
    returned = [job for job, _ in rig.sink.given_back]
    unknown = [result.seq for result in rig.sink.outcomes]
    assert {j.queued.seq for j in returned} | set(unknown) == {
        j.queued.seq for j in jobs
    }


async def test_a_lost_probe_ends_the_pause(smsc, make, quick_throttle):
    answers: list[Callable[[SubmitSm], Pdu | None]] = [smsc.throttle, smsc.ignore]
    smsc.answer = lambda pdu: answers.pop(0)(pdu) if answers else smsc.accept(pdu)
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: len(smsc.submitted) == 2)
    smsc.bound[0].reset()
    await rig.answered(1)
    await rig.up()
    rig.submit("b")
    await rig.answered(2)
    assert isinstance(rig.outcomes()[0], Unknown)
    assert isinstance(rig.outcomes()[1], Accepted)


# --- hosts ---------------------------------------------------------------------------


async def test_up_over_the_primary_with_the_backup_bound(smsc, backup, make):
    rig = await make(smsc, backup)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    hosts = rig.connector.hosts()
    assert [(h.address, h.role, h.reason) for h in hosts] == [
        (smsc.address, "primary", ""),
        (backup.address, "backup", ""),
    ]
    rig.submit("a")
    await rig.answered(1)
    assert (smsc.texts, backup.texts) == (["a"], [])


async def test_to_the_backup_and_back(smsc, backup, make):
    rig = await make(smsc, backup, failback_after=0.3)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    await smsc.stop()
    await eventually(lambda: rig.state is HealthState.DEGRADED)
    assert smsc.address in rig.connector.health().reason
    rig.submit("over the backup")
    await rig.answered(1)
    assert rig.sink.outcomes[0].host == backup.address
    await smsc.start()
    await rig.up()
    rig.submit("still over the backup")
    await rig.answered(2)
    await eventually(lambda: rig.connector._hosts.active is rig.connector._hosts.all[0])
    rig.submit("back")
    await rig.answered(3)
    assert backup.texts[0] == "over the backup"
    assert smsc.texts[-1] == "back"


async def test_what_waits_goes_on_over_the_backup(smsc, backup, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, backup, window=2)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    rig.submit(*numbered(5))
    await smsc.until(lambda: len(smsc.submitted) == 2)
    await smsc.stop()
    await rig.answered(5)
    assert [type(outcome) for outcome in rig.outcomes()] == [Unknown] * 2 + [
        Accepted
    ] * 3
    assert backup.texts == ["3", "4", "5"]
    assert rig.sink.given_back == []


async def test_receipts_are_taken_on_any_host(smsc, backup, make):
    rig = await make(smsc, backup)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    backup.bound[0].deliver(receipt(1, "m1"))
    await backup.until(lambda: backup.acknowledged)
    assert rig.sink.receipts[0].host == backup.address


async def test_cold_standby(smsc, backup, make):
    rig = await make(smsc, backup, standby="cold", failback_after=0.1)
    await settle()
    assert backup.connections == []
    assert rig.states() == ["bound", "closed"]
    assert rig.connector.hosts()[1].reason == "standby"
    await smsc.stop()
    await eventually(lambda: rig.state is HealthState.DEGRADED)
    rig.submit("a")
    await rig.answered(1)
    assert backup.texts == ["a"]
    await smsc.start()
    await eventually(lambda: rig.states() == ["bound", "closed"])
    await backup.until(lambda: backup.connections[0].of(Unbind))
    rig.submit("b")
    await rig.answered(2)
    assert smsc.texts == ["b"]


async def test_down_says_why(smsc, make):
    smsc.bind_status = int(CommandStatus.ESME_RINVPASWD)
    rig = await make(smsc, up=False)
    await eventually(lambda: "ESME_RINVPASWD" in rig.connector.health().reason)
    assert rig.sink.ended == []
    assert rig.state is HealthState.DOWN
    assert smsc.address in rig.connector.health().reason


async def test_health_changes_are_told_and_timed(smsc, make):
    rig = await make(smsc)
    since = rig.connector.health().since
    assert since > 0
    wakes = rig.sink.wakes
    await smsc.stop()
    await eventually(lambda: rig.state is HealthState.DOWN)
    assert rig.sink.wakes > wakes
    assert rig.connector.health().since >= since


async def test_no_busy_loop_when_the_smsc_accepts_and_closes(smsc, make):
    smsc.close_at_once = True
    await make(smsc, up=False, reconnect=Backoff(min=0.2, max=0.4))
    await smsc.until(lambda: smsc.connections)
    await asyncio.sleep(0.6)
    assert len(smsc.connections) <= 4


async def test_deliver_response_timeout(smsc, make):
    rig = await make(smsc, deliver_response_timeout=0.05)
    rig.sink.stores = None
    bind = smsc.bound[0]
    bind.deliver(DeliverSm(sequence=1, short_message=b"one"))
    await smsc.until(lambda: bind.of(DeliverSmResp))
    assert [answer.status for answer in bind.of(DeliverSmResp)] == [0x64]
    assert [item.text for (item,) in rig.sink.turned_away] == ["one"]
    # The store stands still: what comes now is not even handed to it.
    bind.deliver(DeliverSm(sequence=2, short_message=b"two"))
    await smsc.until(lambda: len(bind.of(DeliverSmResp)) == 2)
    assert len(rig.sink.batches) == 1
    assert rig.connector.health().state is HealthState.UP
    # It goes on: what was late has its answer already.
    rig.sink.store()
    rig.sink.stores = True
    bind.deliver(DeliverSm(sequence=3, short_message=b"two"))
    await smsc.until(lambda: len(bind.of(DeliverSmResp)) == 3)
    answers = [(each.sequence, each.status) for each in bind.of(DeliverSmResp)]
    assert answers == [(1, 0x64), (2, 0x64), (3, 0)]
    transport = rig.connector._hosts.all[0].links[0].transport
    assert transport is not None
    assert transport.session.unacknowledged == 0


async def test_deliver_response_error(smsc, make):
    rig = await make(smsc, deliver_response_error=0x14)
    rig.sink.stores = False
    bind = smsc.bound[0]
    bind.deliver(DeliverSm(sequence=1, short_message=b"one"))
    await smsc.until(lambda: bind.of(DeliverSmResp))
    assert [answer.status for answer in bind.of(DeliverSmResp)] == [0x14]


@pytest.mark.parametrize(("form", "expected"), [("empty", ""), ("echo", "77")])
async def test_deliver_response_id(smsc, make, form, expected):
    await make(smsc, deliver_response_id=form)
    bind = smsc.bound[0]
    bind.deliver(
        DeliverSm(sequence=1, esm_class=4, short_message=b"id:77 stat:DELIVRD")
    )
    bind.deliver(DeliverSm(sequence=2, short_message=b"hi"))
    await smsc.until(lambda: len(bind.of(DeliverSmResp)) == 2)
    answers = {each.sequence: each.message_id for each in bind.of(DeliverSmResp)}
    assert answers == {1: expected, 2: ""}


async def test_an_id_that_cannot_be_repeated_is_acknowledged(smsc, make):
    rig = await make(smsc, deliver_response_id="echo")
    bind = smsc.bound[0]
    text = b"id:%b stat:DELIVRD"
    bind.send(
        DeliverSm(sequence=1, esm_class=4, short_message=text % (b"7" * 65)),
        DeliverSm(sequence=2, esm_class=4, short_message=text % b"77"),
    )
    await smsc.until(lambda: len(bind.of(DeliverSmResp)) == 2)
    assert [each.status for each in bind.of(DeliverSmResp)] == [0, 0]
    assert bind.of(DeliverSmResp)[1].message_id == "77"
    transport = rig.connector._hosts.all[0].links[0].transport
    assert transport is not None
    assert transport.session.unacknowledged == 0


async def test_over_tls(make, authority):
    issued = authority.issue("connected", "IP:127.0.0.1")
    async with fake_smsc(issued.server()) as smsc:
        rig = await make(smsc, tls=Tls(ca=authority.certificate))
        rig.submit("secret")
        await rig.answered(1)
        assert smsc.texts == ["secret"]
        await rig.connector.stop(10)


async def test_a_certificate_that_ends_is_a_reason_although_all_is_well(
    make, authority, caplog
):
    issued = authority.issue("soon", "IP:127.0.0.1", days=3)
    async with fake_smsc(issued.server()) as smsc:
        rig = await make(smsc, tls=Tls(ca=authority.certificate), sessions=3)
        (view,) = rig.connector.hosts()
        assert view.reason.startswith("the SMSC's certificate ends on 20")
        health = rig.connector.health()
        assert health.state is HealthState.UP
        assert health.reason == f"{smsc.address}: {view.reason}"
        # Once for all binds.
        told = [r for r in caplog.records if r.getMessage() == "link.certificate"]
        assert len(told) == 1
        await rig.connector.stop(10)


# --- pausing and the like ------------------------------------------------------------


async def test_frozen_nothing_is_written(smsc, make):
    rig = await make(smsc)
    rig.connector.freeze(True)
    assert rig.connector.capacity() == 0
    rig.submit("a")
    await settle()
    assert smsc.submitted == []
    assert rig.sink.given_back == []
    rig.connector.freeze(False)
    await rig.answered(1)


async def test_paused_nothing_is_written_but_all_is_taken(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, window=1)
    jobs = rig.submit("a", "b")
    rig.connector.pause()
    assert rig.connector.capacity() == 0
    assert rig.connector.health().state is HealthState.PAUSED
    assert rig.connector.health().reason == "by the operator"
    assert rig.sink.given_back == [(jobs[1], [1])]
    (third,) = rig.submit("c")
    assert rig.sink.given_back[1:] == [(third, [1])]
    smsc.bound[0].deliver(receipt(1, "m1"))
    await smsc.until(lambda: smsc.acknowledged)
    await smsc.until(lambda: smsc.submitted)
    smsc.bound[0].send(smsc.accept(smsc.submitted[0]))
    await rig.answered(1)
    rig.connector.resume()
    assert rig.state is HealthState.UP
    assert rig.connector.capacity() == 1


async def test_paused_what_is_throttled_is_returned(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc)
    (job,) = rig.submit("a")
    await smsc.until(lambda: smsc.submitted)
    rig.connector.pause()
    smsc.bound[0].send(smsc.throttle(smsc.submitted[0]))
    await rig.sink.until(lambda: rig.sink.given_back)
    assert rig.sink.given_back == [(job, [1])]
    assert rig.unreported() == 0
    assert rig.connector.usage().window_used == 0


async def test_time_before_the_start_is_no_limit(smsc, make):
    """A connector that a reload adds is resumed before its turn to start has come."""
    rig = await make(smsc, up=False)
    late = Rig([smsc.port], None)
    late.sink.more = True
    late.connector.resume()
    await late.connector.start()
    await late.connector.stop(0.0)
    await rig.up()
    limited = late.metrics.connector("carrier").limited_seconds
    assert limited["link"].value < 10


async def test_rebind(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: held)
    first = smsc.bound[0]
    rig.connector.rebind()
    assert rig.connector.capacity() == 0
    await settle()
    assert len(smsc.connections) == 1
    first.send(smsc.accept(held[0]))
    await smsc.until(lambda: len(smsc.bound) == 1 and len(smsc.connections) == 2)
    await rig.up()
    assert rig.outcomes() == [Accepted("m1")]
    assert first.of(Unbind)


async def test_rebind_with_a_backup_sends_on(smsc, backup, make):
    rig = await make(smsc, backup, failback_after=1000.0)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    rig.connector.rebind()
    await eventually(lambda: rig.states() == ["bound", "bound"])
    await rig.up()
    # We left by our own wish: the primary need not prove itself.
    await eventually(lambda: rig.connector.capacity() and len(smsc.connections) == 2)
    rig.submit("a")
    await rig.answered(1)
    assert smsc.texts == ["a"]


@pytest.mark.parametrize("bind", ["transmitter", "receiver"])
async def test_a_bind_of_one_direction(smsc, make, bind):
    rig = await make(smsc, up=False, bind=bind)
    await smsc.until(lambda: smsc.bound)
    await eventually(lambda: rig.states() == ["bound"])
    if bind == "transmitter":
        rig.submit("a")
        await rig.answered(1)
    else:
        assert rig.connector.health().state is HealthState.PAUSED
        assert rig.connector.health().reason == "bind: receiver"
        assert rig.connector.capacity() == 0
        (job,) = rig.submit("a")
        assert rig.sink.given_back == [(job, [1])]
    # Some SMSCs return receipts over the transmitter, too.
    smsc.bound[0].deliver(receipt(1, "m1"))
    await smsc.until(lambda: smsc.acknowledged)


# --- receipts and MO -----------------------------------------------------------------


def receipt(sequence: int, message_id: str) -> DeliverSm:
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2512061230 "
        "done date:2512061231 stat:DELIVRD err:000 text:hello"
    )
    return DeliverSm(
        sequence=sequence,
        esm_class=4,
        source_addr="380501234567",
        destination_addr="Shop",
        short_message=text.encode(),
    )


async def test_all_of_one_read_is_handed_on_together(smsc, make):
    rig = await make(smsc)
    smsc.bound[0].send(
        receipt(1, "m1"),
        DeliverSm(sequence=2, source_addr="38050", short_message=b"reply"),
        receipt(3, "m2"),
    )
    await smsc.until(lambda: len(smsc.acknowledged) == 3)
    assert [pdu.sequence for pdu in smsc.acknowledged] == [1, 2, 3]
    assert all(pdu.status == 0 for pdu in smsc.acknowledged)
    assert [r.smsc_id for r in rig.sink.receipts] == ["m1", "m2"]
    assert rig.sink.receipts[0].state is MessageState.DELIVERED
    assert [m.text for m in rig.sink.inbound] == ["reply"]
    assert rig.sink.inbound[0].session.startswith(f"carrier/{smsc.address}/")
    assert sum(map(len, rig.sink.batches)) == 3


async def test_nothing_is_acknowledged_before_it_is_on_disk(smsc, make):
    rig = await make(smsc)
    rig.sink.stores = None
    smsc.bound[0].deliver(receipt(1, "m1"))
    await rig.sink.until(lambda: rig.sink.waiting)
    rig.submit("a")
    await rig.answered(1)
    assert smsc.acknowledged == []
    rig.sink.store()
    await smsc.until(lambda: smsc.acknowledged)


async def test_what_can_never_be_stored_is_refused(smsc, make):
    rig = await make(smsc)
    rig.sink.stores = False
    smsc.bound[0].deliver(receipt(9, "m1"))
    await smsc.until(lambda: smsc.acknowledged)
    assert smsc.acknowledged == [
        DeliverSmResp(sequence=9, status=int(CommandStatus.ESME_RX_T_APPN))
    ]


async def test_stored_after_the_link_was_lost_is_left_to_redelivery(smsc, make):
    rig = await make(smsc)
    rig.sink.stores = None
    smsc.bound[0].deliver(receipt(1, "m1"))
    await rig.sink.until(lambda: rig.sink.waiting)
    session = rig.connector._hosts.all[0].links[0].session_name
    smsc.bound[0].reset()
    await rig.sink.until(lambda: rig.sink.ended)
    assert rig.sink.ended == [session]
    rig.sink.store()
    await rig.up()
    assert smsc.acknowledged == []
    assert rig.connector._hosts.all[0].links[0].session_name != session


async def test_a_receipt_before_its_response(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: held)
    smsc.bound[0].send(receipt(1, "m1"), smsc.accept(held[0]))
    await rig.answered(1)
    assert [r.smsc_id for r in rig.sink.receipts] == ["m1"]
    assert rig.sink.accepted == ["m1"]


# --- stopping ------------------------------------------------------------------------


async def test_stop_waits_for_answers_and_unbinds(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, window=2)
    jobs = rig.submit("a", "b", "c")
    await smsc.until(lambda: len(held) == 2)
    stopping = asyncio.create_task(rig.connector.stop(1000))
    await settle()
    assert rig.sink.given_back == [(jobs[2], [1])]
    assert rig.connector.capacity() == 0
    assert rig.connector.health().reason == "stopping"
    connection = smsc.bound[0]
    assert connection.of(Unbind) == []
    connection.send(*map(smsc.accept, held))
    await stopping
    assert [type(outcome) for outcome in rig.outcomes()] == [Accepted] * 2
    assert connection.of(Unbind)
    assert rig.states() == ["closed"]
    (late,) = rig.submit("d")
    assert rig.sink.given_back[-1] == (late, [1])


async def test_stop_ends_what_is_begun(smsc, make):
    """No other connector may have the rest of it."""
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, window=1)
    _, short = rig.submit("x" * 400, "short")
    await smsc.until(lambda: len(held) == 1)
    stopping = asyncio.create_task(rig.connector.stop(1000))
    await settle()
    assert rig.sink.given_back == [(short, [1])]
    assert rig.connector.capacity() == 0
    smsc.answer = smsc.throttle
    smsc.bound[0].send(smsc.accept(held[0]))
    await smsc.until(lambda: len(smsc.submitted) == 2)
    smsc.answer = smsc.accept
    await stopping
    assert [type(outcome) for outcome in rig.outcomes()] == [Accepted] * 3
    assert len(smsc.submitted) == 4
    assert rig.sink.given_back == [(short, [1])]
    assert rig.connector._submission._alarm is None


async def test_stop_leaves_the_rest_of_it_when_time_is_up(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, window=1)
    (long,) = rig.submit("x" * 400)
    await smsc.until(lambda: len(held) == 1)
    await rig.connector.stop(0.1)
    assert rig.sink.given_back == [(long, [2, 3])]
    assert rig.connector._submission._alarm is None


async def test_stop_leaves_the_rest_of_it_when_the_link_is_lost(smsc, make):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    rig = await make(smsc, window=1)
    (long,) = rig.submit("x" * 400)
    await smsc.until(lambda: len(held) == 1)
    stopping = asyncio.create_task(rig.connector.stop(1000))
    await settle()
    smsc.bound[0].reset()
    await stopping
    assert rig.sink.given_back == [(long, [2, 3])]


async def test_stop_does_not_wait_for_ever(smsc, make):
    smsc.answer = smsc.ignore
    smsc.answers_unbind = False
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: smsc.submitted)
    await rig.connector.stop(0.1)
    (outcome,) = rig.outcomes()
    assert isinstance(outcome, Unknown)
    await smsc.until(lambda: smsc.connections[0].lost)


async def test_stop_when_the_link_is_lost_meanwhile(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: smsc.submitted)
    stopping = asyncio.create_task(rig.connector.stop(1000))
    await settle()
    smsc.bound[0].reset()
    await stopping
    assert isinstance(rig.outcomes()[0], Unknown)


async def test_stop_is_idempotent(smsc, make):
    rig = await make(smsc)
    await rig.connector.stop(10)
    await rig.connector.stop(10)
    assert rig.states() == ["closed"]


async def test_stop_before_anything_is_bound(smsc, make):
    smsc.answers_bind = False
    rig = await make(smsc, up=False)
    await rig.connector.stop(1000)
    assert rig.states() == ["closed"]


async def test_a_stop_that_is_cancelled_still_closes(smsc, make):
    smsc.answer = smsc.ignore
    smsc.answers_unbind = False
    rig = await make(smsc)
    rig.submit("a")
    await smsc.until(lambda: smsc.submitted)
    stopping = asyncio.create_task(rig.connector.stop(1000))
    await settle()
    stopping.cancel()
    await settle()
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await smsc.until(lambda: smsc.connections[0].lost)
    await rig.answered(1)
    assert isinstance(rig.outcomes()[0], Unknown)


# --- octets and metrics --------------------------------------------------------------


async def test_glued_and_torn_octets():
    """A peer of octets alone: responses in pieces, the next PDU behind each."""
    async with wire_peer() as peer:
        rig = Rig([peer.port], None)
        await rig.connector.start()
        wire = await peer.connection()
        bind = decode(await wire.read_frame())
        assert isinstance(bind, BindTransceiver)
        stream = encode(BindTransceiverResp(sequence=bind.sequence, system_id="x"))
        stream += encode(receipt(5, "m0"))
        for at in range(0, len(stream), 7):
            wire.send(stream[at : at + 7])
            await settle()
        assert decode(await wire.read_frame()) == DeliverSmResp(sequence=5)
        rig.submit("a", "b")
        numbers = [decode(await wire.read_frame()).sequence for _ in range(2)]
        wire.send(
            b"".join(
                encode(SubmitSmResp(sequence=n, message_id=str(n)))
                for n in reversed(numbers)
            )
        )
        await rig.answered(2)
        assert rig.sink.accepted == [str(n) for n in reversed(numbers)]
        await rig.connector.stop(0.0)


async def test_metrics(smsc, make):
    rig = await make(smsc, rate=1000.0)
    rig.submit(*numbered(5))
    await rig.answered(5)
    text = rig.metrics.render().decode()
    line = 'esmed_pdus_total{command="submit_sm",connector="carrier",direction="out"}'
    assert f"{line} 5.0" in text
    meters = rig.metrics.connector("carrier")
    assert meters.submit_status[0].value == 5
    assert 'esmed_submit_seconds_count{connector="carrier"} 5' in text
    await smsc.stop()
    await eventually(lambda: rig.state is HealthState.DOWN)
    await asyncio.sleep(0.02)
    rig.metrics.render()
    assert meters.limited_seconds["link"].value > 0


async def test_unknown_outcomes_are_counted(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, window=2)
    rig.submit("a", "b", "c")
    await smsc.until(lambda: len(smsc.submitted) == 2)
    await asyncio.sleep(0.02)
    rig.metrics.render()
    meters = rig.metrics.connector("carrier")
    assert meters.limited_seconds["window"].value > 0
    await smsc.stop()
    await rig.answered(2)
    assert meters.unknown_outcomes.value == 2


async def test_every_part_is_reported_exactly_once_whatever_happens(smsc, make):
    """Answers of all kinds, lost links and stops, in a run that is never the same."""
    count = 0

    def answer(pdu):
        nonlocal count
        count += 1
        match count % 11:
            case 3:
                return refuse(pdu, 0x0B)
            case 5:
                return refuse(pdu, 0x14)
            case 7:
                return None
            case 9:
                smsc.bound[-1].close()
                return None
            case _:
                return smsc.accept(pdu)

    smsc.answer = answer
    rig = await make(smsc, window=5, reconnect=Backoff(min=0.001, max=0.002))
    jobs: list[Job] = []
    while len(jobs) < 300:
        await rig.sink.until(rig.connector.capacity)
        jobs += rig.submit("x" * 200)
    await rig.connector.stop(0.2)
    reported = [(r.seq, r.part) for r in rig.sink.outcomes]
    for job, parts in rig.sink.given_back:
        reported += [(job.queued.seq, part) for part in parts]
    assert sorted(reported) == sorted(
        (job.queued.seq, part) for job in jobs for part in (1, 2)
    )
    assert rig.connector.usage().window_used == 0
    assert isinstance(rig.connector, SmppConnector)
