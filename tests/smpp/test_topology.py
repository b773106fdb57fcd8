"""Several binds of one account: sessions, pairs, and what is left without some."""

import logging
from typing import Any

import pytest
from fakes.connectorrig import Rig
from fakes.smsc import Bind, FakeSmsc, SmscConnection
from fakes.wait import eventually, settle

from esmed.connector import HealthState
from esmed.models import Accepted, Unknown
from esmed.smpp.binds import binds_of
from pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CommandStatus,
    DeliverSm,
    SubmitSm,
    Unbind,
)


def kinds(smsc: FakeSmsc) -> list[type[Bind]]:
    return sorted((type(c.bind) for c in smsc.bound if c.bind), key=str)


def sent_over(connection: SmscConnection) -> int:
    return len(connection.of(SubmitSm))


def of_kind(smsc: FakeSmsc, kind: type[Bind]) -> SmscConnection:
    (found,) = (c for c in smsc.bound if isinstance(c.bind, kind))
    return found


def mo(text: str) -> DeliverSm:
    return DeliverSm(
        sequence=1,
        source_addr="380671234567",
        destination_addr="1234",
        short_message=text.encode(),
    )


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        (("transceiver", 1, "same"), ["transceiver"]),
        (("receiver", 2, "same"), ["receiver", "receiver-2"]),
        (("pair", 1, "same"), ["transmitter", "receiver"]),
        (
            ("pair", 2, "same"),
            ["transmitter", "receiver", "transmitter-2", "receiver-2"],
        ),
        (
            ("pair", 3, "transmitter"),
            ["transmitter", "receiver", "transmitter-2", "transmitter-3"],
        ),
        (
            ("transceiver", 3, "transmitter"),
            ["transceiver", "transmitter", "transmitter-2"],
        ),
    ],
)
def test_binds_of_a_host(settings: Any, labels: list[str]):
    binds = binds_of(*settings)
    assert [bind.label for bind in binds] == labels
    assert [bind.kind for bind in binds] == [
        label.partition("-")[0] for label in labels
    ]


async def test_pair(smsc, make):
    rig = await make(smsc, bind="pair", system_type="VMA")
    assert kinds(smsc) == [BindReceiver, BindTransmitter]
    transmitter, receiver = of_kind(smsc, BindTransmitter), of_kind(smsc, BindReceiver)
    rig.submit("a")
    await rig.answered(1)
    assert (sent_over(transmitter), sent_over(receiver)) == (1, 0)
    receiver.deliver(mo("hello"))
    await smsc.until(lambda: smsc.acknowledged)
    assert rig.sink.inbound[0].text == "hello"
    (host,) = rig.connector.hosts()
    assert (host.state, host.reason) == ("bound", "")
    assert [(b.bind, b.state) for b in host.binds] == [
        ("transmitter", "bound"),
        ("receiver", "bound"),
    ]


async def test_half_of_a_pair_is_degraded_and_sends(smsc, make):
    rig = await make(smsc, bind="pair")
    smsc.bind_status = int(CommandStatus.ESME_RINVPASWD)
    of_kind(smsc, BindReceiver).reset()
    await eventually(lambda: rig.state is HealthState.DEGRADED)
    await eventually(lambda: "ESME_RINVPASWD" in rig.connector.health().reason)
    assert "receiver: " in rig.connector.health().reason
    rig.submit("a")
    await rig.answered(1)
    assert rig.outcomes() == [Accepted("m1")]


async def test_a_pair_without_its_transmitter_does_not_send(smsc, make):
    rig = await make(smsc, bind="pair")
    smsc.bind_status = int(CommandStatus.ESME_RSYSERR)
    of_kind(smsc, BindTransmitter).reset()
    await eventually(lambda: rig.state is HealthState.DOWN)
    assert rig.connector.capacity() == 0
    of_kind(smsc, BindReceiver).deliver(mo("still here"))
    await smsc.until(lambda: smsc.acknowledged)
    smsc.bind_status = 0
    await rig.up()


async def test_a_receiver_that_comes_back_alone_makes_no_host_usable(smsc, make):
    rig = await make(smsc, bind="pair")
    transmitter, receiver = of_kind(smsc, BindTransmitter), of_kind(smsc, BindReceiver)
    smsc.bind_status_of[BindTransmitter] = int(CommandStatus.ESME_RSYSERR)
    transmitter.reset()
    receiver.reset()
    await eventually(lambda: smsc.bind_attempts >= 5)
    await eventually(lambda: kinds(smsc) == [BindReceiver])
    of_kind(smsc, BindReceiver).deliver(mo("still here"))
    await smsc.until(lambda: smsc.acknowledged)
    assert rig.state is HealthState.DOWN
    assert rig.connector.capacity() == 0


async def test_sessions_share_window_and_load(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, sessions=3, window=6)
    await smsc.until(lambda: len(smsc.bound) == 3)
    rig.submit(*map(str, range(8)))
    await smsc.until(lambda: len(smsc.submitted) == 6)
    await settle()
    assert [sent_over(connection) for connection in smsc.bound] == [2, 2, 2]
    assert rig.connector.capacity() == 0
    assert rig.connector.usage().window_used == 6


async def test_the_session_with_fewer_answers_due_is_next(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, sessions=2, window=10)
    await smsc.until(lambda: len(smsc.bound) == 2)
    rig.submit("1", "2", "3")
    await smsc.until(lambda: len(smsc.submitted) == 3)
    slow, quick = sorted(smsc.bound, key=sent_over, reverse=True)
    for pdu in quick.of(SubmitSm):
        assert isinstance(pdu, SubmitSm)
        quick.send(smsc.accept(pdu))
    await rig.answered(1)
    rig.submit("4", "5")
    await smsc.until(lambda: len(smsc.submitted) == 5)
    assert (sent_over(slow), sent_over(quick)) == (2, 3)


async def test_a_lost_session_costs_its_own_answers_only(smsc, make):
    smsc.answer = smsc.ignore
    rig = await make(smsc, sessions=2, window=4)
    await smsc.until(lambda: len(smsc.bound) == 2)
    rig.submit("1", "2", "3", "4")
    await smsc.until(lambda: len(smsc.submitted) == 4)
    lost, kept = smsc.bound
    lost.reset()
    await rig.answered(2)
    assert [type(outcome) for outcome in rig.outcomes()] == [Unknown, Unknown]
    for pdu in kept.of(SubmitSm):
        assert isinstance(pdu, SubmitSm)
        kept.send(smsc.accept(pdu))
    await rig.answered(4)
    await smsc.until(lambda: len(smsc.bound) == 2)
    assert rig.sink.given_back == []
    assert kept in smsc.bound


async def test_one_transceiver_and_else_transmitters(smsc, make):
    rig = await make(smsc, sessions=3, further_sessions="transmitter")
    assert kinds(smsc) == [BindTransceiver, BindTransmitter, BindTransmitter]
    of_kind(smsc, BindTransceiver).deliver(mo("x"))
    await smsc.until(lambda: smsc.acknowledged)
    assert rig.state is HealthState.UP


async def test_the_log_says_which_bind(smsc, make, caplog):
    caplog.set_level(logging.INFO, "esmed")
    await make(smsc, bind="pair", sessions=2)
    bound = [
        vars(r)["esmed_fields"]["bind"]
        for r in caplog.records
        if r.getMessage() == "link.bound"
    ]
    assert sorted(bound) == [
        "receiver",
        "receiver-2",
        "transmitter",
        "transmitter-2",
    ]


async def test_a_second_session_that_is_refused_leaves_the_first(smsc, make):
    smsc.bind_statuses = [0, int(CommandStatus.ESME_RALYBND)]
    rig = await make(smsc, sessions=2, up=False)
    await eventually(lambda: rig.state is HealthState.DEGRADED)
    await eventually(lambda: "ESME_RALYBND" in rig.connector.health().reason)
    rig.submit("a")
    await rig.answered(1)
    assert len(smsc.bound) == 1


async def test_the_backup_takes_over_when_no_session_is_left(smsc, backup, make):
    rig = await make(smsc, backup, sessions=2)
    await smsc.until(lambda: len(smsc.bound) == 2)
    await backup.until(lambda: len(backup.bound) == 2)
    smsc.bind_status = int(CommandStatus.ESME_RSYSERR)
    smsc.bound[0].reset()
    await eventually(lambda: rig.state is HealthState.DEGRADED)
    rig.submit("a")
    await rig.answered(1)
    assert (smsc.texts, backup.texts) == (["a"], [])
    smsc.bound[0].reset()
    await eventually(lambda: rig.connector._hosts.active is rig.connector._hosts.all[1])
    rig.submit("b")
    await rig.answered(2)
    assert backup.texts == ["b"]


async def test_cold_standby_of_pairs(smsc, backup, make):
    rig: Rig = await make(smsc, backup, bind="pair", standby="cold", failback_after=0.1)
    await settle()
    assert backup.connections == []
    await smsc.stop()
    await backup.until(lambda: len(backup.bound) == 2)
    await smsc.start()
    await backup.until(lambda: all(c.of(Unbind) for c in backup.connections))
    await eventually(lambda: rig.states() == ["bound", "closed"])


async def test_each_bind_has_its_state_among_the_metrics(smsc, make):
    rig = await make(smsc, bind="pair", sessions=2, further_sessions="transmitter")
    text = rig.metrics.render().decode()
    for label in ("transmitter", "receiver", "transmitter-2"):
        assert (
            f'esmed_bind_state{{bind="{label}",connector="carrier",'
            f'host="{smsc.address}",state="bound"}} 1.0'
        ) in text


async def test_stop_unbinds_all(smsc, make):
    rig = await make(smsc, bind="pair", sessions=2)
    await smsc.until(lambda: len(smsc.bound) == 4)
    await rig.connector.stop(10)
    assert all(connection.of(Unbind) for connection in smsc.connections)


async def test_silence_moves_traffic_to_the_backup(smsc, backup, make):
    rig = await make(smsc, backup, enquire_link=0.2, enquire_link_timeout=0.1)
    await eventually(lambda: rig.states() == ["bound", "bound"])
    smsc.silent = True
    await eventually(lambda: rig.connector._hosts.active is rig.connector._hosts.all[1])
    assert "no answer to enquire_link" in rig.connector.hosts()[0].reason
    rig.submit("a")
    await rig.answered(1)
    assert backup.texts == ["a"]


async def test_a_reset_moves_traffic_to_the_backup_at_once(smsc, backup, make):
    rig = await make(smsc, backup, on_unknown="resend")
    await eventually(lambda: rig.states() == ["bound", "bound"])
    smsc.bind_status = int(CommandStatus.ESME_RSYSERR)
    smsc.bound[0].reset()
    await eventually(lambda: rig.connector._hosts.active is rig.connector._hosts.all[1])
    assert rig.connector.capacity() > 0
