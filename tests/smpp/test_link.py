"""esmed.smpp.link against a fake SMSC on the loopback; pauses by a manual clock."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fakes.alerting import alerting_server
from fakes.clock import ManualClock
from fakes.smsc import FakeSmsc, fake_smsc, refuse
from fakes.wait import eventually, settle
from fakes.wire import wire_peer

from esmed.certificate import Watch
from esmed.fieldtypes import Endpoint
from esmed.metrics import ConnectorMetrics, Metrics
from esmed.secret import Secret
from esmed.smpp import link as module
from esmed.smpp.config import Backoff, Config, Host
from esmed.smpp.dial import dial
from esmed.smpp.events import Event, Received, Responded
from esmed.smpp.link import Link
from esmed.smpp.window import Pending
from esmed.tlsconfig import Tls
from pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CommandStatus,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    encode,
)

PASSWORD = "hunter2-and-more"
DAY = 86_400.0


class Recorder:
    """Notes all that a link tells."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.events: list[Event] = []
        self.lost: list[tuple[object, str]] = []
        self.writable = 0

    def link_up(self, link: Link) -> None:
        assert link.bound
        self.notes.append("up")

    def link_down(self, link: Link, *, failed: bool) -> None:
        assert not link.bound
        self.notes.append("failed" if failed else "left")

    def link_events(self, _: Link, events: list[Event]) -> None:
        self.events.extend(events)

    def link_lost(self, _: Link, lost: list[tuple[int, Pending]], reason: str) -> None:
        self.lost += [(pending.context, reason) for _, pending in lost]

    def link_writable(self, _: Link) -> None:
        self.writable += 1

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Rig:
    """A link with its owner, clock and metrics."""

    def __init__(self, port: int, tls: Tls | None = None, **settings: Any) -> None:
        host = Host(address=Endpoint("127.0.0.1", port), tls=tls)
        self.config = Config(
            **{
                "hosts": (host,),
                "system_id": "me",
                "password": Secret(PASSWORD),
                "enquire_link": 1000.0,
                "response_timeout": 1000.0,
                "bind_timeout": 1000.0,
                **settings,
            }
        )
        self.owner = Recorder()
        self.clock = ManualClock()
        self.certificates = Watch()
        self.metrics = Metrics()
        self.meters: ConnectorMetrics = self.metrics.connector("c", [str(host.address)])
        self.link = Link(
            host,
            self.config,
            self.config.binds[0],
            connector="c",
            owner=self.owner,
            clock=self.clock,
            metrics=self.meters,
            certificates=self.certificates,
        )

    def start(self) -> None:
        self.link.start()
        self.link.want(wanted=True)

    async def bound(self) -> None:
        await eventually(lambda: self.link.bound)

    async def pausing(self) -> None:
        """The link waits for its next attempt."""
        await eventually(lambda: self.clock.sleeping)

    def submit(self, context: object = None) -> int:
        transport = self.link.transport
        assert transport is not None
        number = transport.session.submit(SubmitSm(), transport.now(), context)
        transport.touch()
        return number

    def binds(self) -> dict[str, float]:
        """Attempts by result, those there were."""
        host = self.meters.hosts[self.link.address]
        return {r: c.value for r, c in host.binds.items() if c.value}


@pytest.fixture
async def smsc() -> AsyncIterator[FakeSmsc]:
    async with fake_smsc() as smsc:
        yield smsc


@pytest.fixture
async def rig(smsc: FakeSmsc) -> AsyncIterator[Callable[..., Rig]]:
    """Make links; they are stopped at the end."""
    async with AsyncExitStack() as stack:

        def make(port: int | None = None, **settings: Any) -> Rig:
            made = Rig(smsc.port if port is None else port, **settings)
            stack.push_async_callback(made.link.stop, 5.0)
            return made

        yield make


# --- binding -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "pdu"),
    [
        ("transceiver", BindTransceiver),
        ("transmitter", BindTransmitter),
        ("receiver", BindReceiver),
    ],
)
async def test_it_binds_as_configured(smsc, rig, kind, pdu):
    one = rig(
        bind=kind,
        system_type="VMA",
        interface_version=0x33,
        bind_ton=1,
        bind_npi=2,
        address_range="^38",
    )
    one.start()
    await one.bound()
    assert smsc.bound[0].bind == pdu(
        sequence=1,
        system_id="me",
        password=PASSWORD,
        system_type="VMA",
        interface_version=0x33,
        addr_ton=1,
        addr_npi=2,
        address_range="^38",
    )
    assert (one.link.state, one.link.reason) == ("bound", "")
    assert one.owner.notes == ["up"]
    assert one.binds() == {"bound": 1}


async def test_it_waits_until_it_is_wanted(smsc, rig):
    one = rig()
    assert one.link.reason == "not started"
    one.link.start()
    await eventually(lambda: one.link.reason == "standby")
    await settle()
    assert smsc.connections == []
    one.link.want(wanted=True)
    await one.bound()


async def test_octets_glued_to_the_bind_response(smsc, rig):
    smsc.glued = [
        DeliverSm(sequence=7, short_message=b"early"),
        EnquireLink(sequence=8),
    ]
    one = rig()
    one.start()
    await one.bound()
    (received,) = one.owner.of(Received)
    assert received.pdu.short_message == b"early"
    await smsc.until(lambda: len(smsc.log) == 2)


async def test_requests_before_the_bind_is_answered(smsc, rig):
    """Bound is what the SMSC says is bound."""
    smsc.answers_bind = False
    one = rig()
    one.start()
    await smsc.until(lambda: smsc.bind_attempts)
    assert one.link.state == "binding"
    assert not one.link.bound
    assert one.owner.notes == []


async def test_state_and_time_are_told(smsc, rig):
    one = rig()
    born = one.link.since
    one.clock.advance(7)
    one.start()
    await one.bound()
    assert one.link.since == born + 7000


# --- failures ------------------------------------------------------------------------


async def test_nobody_listens_then_somebody_does(smsc, rig):
    port = smsc.port
    await smsc.stop()
    one = rig(port)
    one.start()
    await one.pausing()
    assert (one.link.state, one.link.reason) == ("closed", "connection refused")
    assert one.owner.notes == ["failed"]
    await smsc.start()
    one.clock.advance(2)
    await one.bound()
    assert one.binds() == {"connect": 1, "bound": 1}


async def test_wrong_credentials_are_slow_loud_and_never_given_up(smsc, rig, caplog):
    smsc.bind_status = int(CommandStatus.ESME_RINVPASWD)
    one = rig(reconnect=Backoff(min=1.0, max=10.0))
    one.start()
    for attempt in range(1, 6):
        await one.pausing()
        assert smsc.bind_attempts == attempt
        one.clock.advance(59.9)
        await settle()
        assert one.clock.sleeping == 1
        one.clock.advance(15.2)
    await smsc.until(lambda: smsc.bind_attempts == 6)
    await one.pausing()
    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 6
    assert "ESME_RINVPASWD" in one.link.reason
    assert one.binds() == {"credentials": 6}
    smsc.bind_status = 0
    one.clock.advance(75)
    await one.bound()


async def test_already_bound_is_not_taken_for_wrong_credentials(smsc, rig, caplog):
    smsc.bind_statuses = [int(CommandStatus.ESME_RALYBND)]
    one = rig()
    one.start()
    await one.pausing()
    one.clock.advance(4.9)
    await settle()
    assert one.clock.sleeping == 1
    one.clock.advance(1.4)
    await one.bound()
    assert one.binds() == {"refused": 1, "bound": 1}
    assert not [r for r in caplog.records if r.levelno == logging.ERROR]


async def test_no_secret_is_ever_told(smsc, rig, caplog):
    caplog.set_level(logging.DEBUG)
    smsc.bind_statuses = [int(CommandStatus.ESME_RINVPASWD)]
    one = rig()
    one.start()
    await one.pausing()
    one.clock.advance(75)
    await one.bound()
    told = [str(vars(record)) for record in caplog.records]
    told += [repr(one.owner.events), one.link.reason, repr(one.config)]
    assert PASSWORD not in "".join(told)
    assert told


async def test_no_answer_to_the_bind(smsc, rig):
    smsc.answers_bind = False
    one = rig(bind_timeout=0.05)
    one.start()
    await one.pausing()
    assert one.link.reason == "no answer to bind: within 0.05 s"
    assert one.binds() == {"timeout": 1}


async def test_closed_before_the_bind_is_answered(smsc, rig):
    smsc.close_at_once = True
    one = rig()
    one.start()
    await one.pausing()
    assert one.link.reason.startswith("connection lost: ")
    assert one.binds() == {"connect": 1}


async def test_an_smsc_that_accepts_and_closes_is_asked_ever_more_seldom(smsc, rig):
    smsc.close_at_once = True
    one = rig(reconnect=Backoff(min=1.0, max=8.0))
    one.start()
    for low, high in [(1, 2), (2, 4), (4, 8), (4, 8), (4, 8)]:
        await one.pausing()
        count = len(smsc.connections)
        one.clock.advance(low - 0.01)
        await settle()
        assert one.clock.sleeping == 1
        one.clock.advance(high - low + 0.02)
        await smsc.until(lambda: len(smsc.connections) == count + 1)  # noqa: B023


async def test_a_refusal_that_the_carrier_explains(smsc, rig):
    smsc.bind_status = 0x0D
    one = rig(bind_errors={0x0D: "no money on the account"})
    one.start()
    await one.pausing()
    assert one.link.reason.endswith("(no money on the account)")
    assert "ESME_RBINDFAIL" in one.link.reason


async def test_enquire_link_off(smsc, rig):
    """We never ask; the SMSC that does is answered."""
    one = rig(enquire_link=0.0, enquire_link_timeout=0.01)
    one.start()
    await one.bound()
    transport = one.link.transport
    assert transport is not None
    assert transport.session.next_deadline() is None
    smsc.bound[0].send(EnquireLink(sequence=99))
    await smsc.until(lambda: smsc.bound[0].of(EnquireLinkResp))
    assert smsc.bound[0].of(EnquireLink) == []


async def test_no_enquire_link_before_the_bind(smsc, rig):
    """However long its answer takes: some SMSCs close the connection for it."""
    smsc.answers_bind = False
    one = rig(enquire_link=0.001)
    one.start()
    await smsc.until(lambda: smsc.connections and smsc.connections[0].received)
    transport = one.link.transport
    assert transport is not None
    transport.session.tick(transport.now() + 500)
    transport.touch()
    await settle()
    kinds = {type(pdu) for pdu in smsc.connections[0].received}
    assert kinds == {BindTransceiver}


async def test_no_bind_before_the_least_pause_is_over(smsc, rig):
    """Clickatell wants half a minute between two binds."""
    one = rig(reconnect=Backoff(min=45.0, max=60.0))
    one.start()
    await one.bound()
    smsc.bound[0].close()
    await one.pausing()
    one.clock.advance(44.99)
    await settle()
    assert one.clock.sleeping == 1
    one.clock.advance(15.02)
    await one.bound()


async def test_an_smsc_that_binds_and_closes_is_asked_ever_more_seldom(smsc, rig):
    one = rig(reconnect=Backoff(min=1.0, max=8.0))
    one.start()
    for low, high in [(1, 2), (2, 4), (4, 8)]:
        await one.bound()
        smsc.bound[0].close()
        await one.pausing()
        one.clock.advance(low - 0.01)
        await settle()
        assert one.clock.sleeping == 1
        one.clock.advance(high - low + 0.02)
    await one.bound()


async def test_a_bind_that_lasted_is_followed_by_a_short_pause(smsc, rig):
    one = rig(reconnect=Backoff(min=1.0, max=64.0))
    one.start()
    for _ in range(5):
        await one.bound()
        smsc.bound[0].close()
        await one.pausing()
        one.clock.advance(64.1)
    await one.bound()
    one.clock.advance(60)
    smsc.bound[0].close()
    await one.pausing()
    one.clock.advance(2.1)
    await one.bound()


async def test_the_first_failure_is_a_warning_the_same_again_is_not(smsc, rig, caplog):
    caplog.set_level(logging.DEBUG, "esmed")
    await smsc.stop()
    one = rig(smsc.port)
    one.start()

    def levels() -> list[int]:
        return [r.levelno for r in caplog.records if r.getMessage() == "link.failed"]

    for _ in range(3):
        await one.pausing()
        one.clock.advance(61)
        await settle()
    await one.pausing()
    assert levels() == [logging.WARNING] + [logging.DEBUG] * (len(levels()) - 1)
    assert len(levels()) == 4
    await smsc.start()
    smsc.close_at_once = True
    one.clock.advance(61)
    await smsc.until(lambda: smsc.connections)
    await one.pausing()
    assert levels()[-1] == logging.WARNING


# --- while it is bound ---------------------------------------------------------------


async def test_the_peer_leaves_with_requests_in_flight(smsc, rig):
    smsc.answer = smsc.ignore
    one = rig()
    one.start()
    await one.bound()
    one.submit("a")
    one.submit("b")
    await smsc.until(lambda: len(smsc.submitted) == 2)
    smsc.bound[0].send(Unbind(sequence=1))
    await one.pausing()
    assert one.owner.lost == [
        ("a", "unbound by the SMSC"),
        ("b", "unbound by the SMSC"),
    ]
    assert one.owner.notes == ["up", "failed", "failed"]
    assert smsc.connections[0].of(UnbindResp) == [UnbindResp(sequence=1)]
    one.clock.advance(2)
    await one.bound()


async def test_the_connection_breaks_with_requests_in_flight(smsc, rig):
    smsc.answer = smsc.ignore
    one = rig()
    one.start()
    await one.bound()
    one.submit("a")
    await smsc.until(lambda: smsc.submitted)
    smsc.bound[0].reset()
    await one.pausing()
    ((context, reason),) = one.owner.lost
    assert context == "a"
    assert reason.startswith("connection lost: ")


async def test_closed_in_the_middle_of_a_pdu(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    smsc.bound[0].send_bytes(encode(DeliverSm(sequence=1))[:20])
    smsc.bound[0].close()
    await one.pausing()
    assert one.owner.of(Received) == []
    assert one.link.reason == "connection lost: closed by the SMSC"


async def test_what_is_not_smpp_ends_the_connection(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    smsc.bound[0].send_bytes(b"HTTP/1.1 400 Bad Request\r\n")
    await one.pausing()
    assert one.link.reason.startswith("not SMPP: command_length ")


async def test_silence_after_enquire_link(smsc, rig):
    smsc.answers_enquire_link = False
    one = rig(enquire_link=0.05, enquire_link_timeout=0.05)
    one.start()
    await one.pausing()
    assert one.link.reason == "no answer to enquire_link: nothing heard for 0.05 s"
    assert smsc.connections[0].of(EnquireLink)


async def test_enquire_link_that_is_answered(smsc, rig):
    one = rig(enquire_link=0.02, enquire_link_timeout=1000.0)
    one.start()
    await one.bound()
    await smsc.until(lambda: len(smsc.bound[0].of(EnquireLink)) >= 3)
    assert one.link.bound
    await eventually(lambda: one.meters.enquire_link_seconds.value is not None)


async def test_oddities_are_told_once_loudly(smsc, rig, caplog):
    caplog.set_level(logging.DEBUG, "esmed")
    one = rig()
    one.start()
    await one.bound()
    number = one.submit()
    await eventually(lambda: one.owner.of(Responded))
    smsc.bound[0].send(
        SubmitSmResp(sequence=number),
        SubmitSmResp(sequence=99),
        SubmitSm(sequence=1),
    )

    def odd() -> list[tuple[int, str]]:
        return [
            (r.levelno, r.__dict__["esmed_fields"]["detail"])
            for r in caplog.records
            if r.getMessage() == "session.odd"
        ]

    await eventually(lambda: len(odd()) == 3)
    assert [level for level, _ in odd()] == [
        logging.WARNING,
        logging.DEBUG,
        logging.DEBUG,
    ]
    assert odd()[0][1] == f"a second submit_sm_resp for request {number}"
    assert odd()[1][1] == "an submit_sm_resp for request 99"
    assert "submit_sm" in odd()[2][1]


async def test_a_full_socket_is_told(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    assert one.link.writable
    smsc.bound[0].pause_reading()
    transport = one.link.transport
    big = SubmitSm(short_message=b"x" * 254)
    while one.link.writable:
        for _ in range(1000):
            transport.session.submit(big, transport.now())
        transport.touch()
        await settle()
    smsc.bound[0].resume_reading()
    await eventually(lambda: one.owner.writable)
    assert one.link.writable


async def test_pdus_are_counted(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    one.submit()
    await eventually(lambda: one.owner.of(Responded))
    for _ in range(2):  # a second look counts nothing twice
        one.link.account()
    meters = one.meters
    assert meters.pdus_out[0x04].value == 1
    assert meters.pdus_out[0x09].value == 1
    assert meters.pdus_in[0x80000004].value == 1
    host = meters.hosts[one.link.address]
    assert host.last_in.value == pytest.approx(one.clock.now(), abs=60)
    assert host.last_out.value == pytest.approx(one.clock.now(), abs=60)


async def test_pdus_of_a_lost_session_are_counted(smsc, rig):
    one = rig()
    one.link.account()
    one.start()
    await one.bound()
    smsc.bound[0].close()
    await one.pausing()
    assert one.meters.pdus_out[0x09].value == 1


async def test_the_state_is_a_metric(smsc, rig):
    one = rig()

    def state() -> str:
        text = one.metrics.render().decode()
        (line,) = [
            line
            for line in text.splitlines()
            if line.startswith("esmed_bind_state{") and line.endswith(" 1.0")
        ]
        return str(line).split('state="')[1].split('"')[0]

    assert state() == "closed"
    one.start()
    await one.bound()
    assert state() == "bound"


# --- leaving -------------------------------------------------------------------------


async def test_it_leaves_when_all_is_answered_and_binds_again(smsc, rig):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    one = rig()
    one.start()
    await one.bound()
    one.submit("a")
    await smsc.until(lambda: held)
    first = smsc.bound[0]
    one.link.leave("rebind")
    assert not one.link.bound
    assert one.owner.notes == ["up", "left"]
    assert one.link.reason == "rebind"
    await settle()
    assert first.of(Unbind) == []
    first.send(smsc.accept(held[0]))
    await smsc.until(lambda: len(smsc.connections) == 2)
    await one.bound()
    assert first.of(Unbind)
    assert one.owner.of(Responded)
    assert one.owner.lost == []
    assert one.owner.notes == ["up", "left", "up"]
    assert one.clock.sleeping == 0


async def test_leaving_twice_is_leaving_once(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    one.link.leave("rebind")
    one.link.leave("rebind")
    await smsc.until(lambda: len(smsc.connections) == 2)
    await one.bound()
    assert one.owner.notes == ["up", "left", "up"]


async def test_leaving_ends_a_pause(smsc, rig):
    smsc.bind_statuses = [int(CommandStatus.ESME_RINVPASWD)]
    one = rig()
    one.start()
    await one.pausing()
    one.link.leave("rebind")
    await one.bound()


async def test_leaving_while_connecting_changes_nothing(smsc, rig):
    smsc.answers_bind = False
    one = rig()
    one.start()
    await smsc.until(lambda: smsc.bind_attempts)
    one.link.leave("rebind")
    assert one.owner.notes == []
    assert one.link.state == "binding"


async def test_a_host_that_is_not_wanted_is_left_alone(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    one.link.want(wanted=False)
    one.link.want(wanted=False)
    await eventually(
        lambda: one.link.reason == "standby" and one.link.state == "closed"
    )
    await smsc.until(lambda: smsc.connections[0].lost)
    assert smsc.connections[0].of(Unbind)
    one.clock.advance(1000)
    await settle()
    assert len(smsc.connections) == 1
    one.link.want(wanted=True)
    await one.bound()


async def test_not_wanted_any_more_while_binding(smsc, rig):
    smsc.answers_bind = False
    one = rig()
    one.start()
    await smsc.until(lambda: smsc.bind_attempts)
    one.link.want(wanted=False)
    connection = smsc.connections[0]
    connection._smsc.answers_bind = True
    connection._answer_bind(BindTransceiver(sequence=1))
    await smsc.until(lambda: connection.lost)
    await eventually(lambda: one.link.reason == "standby")
    assert connection.of(Unbind)
    assert one.owner.notes == []


async def test_lost_while_leaving(smsc, rig):
    smsc.answer = smsc.ignore
    one = rig()
    one.start()
    await one.bound()
    one.submit("a")
    await smsc.until(lambda: smsc.submitted)
    one.link.leave("rebind")
    smsc.bound[0].reset()
    await one.pausing()
    assert [context for context, _ in one.owner.lost] == ["a"]


async def test_unbind_without_an_answer(smsc, rig, monkeypatch):
    monkeypatch.setattr(module, "UNBIND_TIMEOUT", 0.05)
    smsc.answers_unbind = False
    one = rig()
    one.start()
    await one.bound()
    one.link.leave("rebind")
    await smsc.until(lambda: len(smsc.connections) == 2)
    await one.bound()


# --- stopping ------------------------------------------------------------------------


async def test_stop_unbinds(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    await one.link.stop(10)
    assert smsc.connections[0].of(Unbind)
    assert (one.link.state, one.link.reason) == ("closed", "left: stopping")
    await one.link.stop(10)


async def test_stop_does_not_wait_for_ever(smsc, rig):
    smsc.answers_unbind = False
    one = rig()
    one.start()
    await one.bound()
    await one.link.stop(0.05)
    await smsc.until(lambda: smsc.connections[0].lost)
    assert one.link.state == "closed"


async def test_stop_before_the_start(smsc, rig):
    await rig().link.stop(10)
    assert smsc.connections == []


@pytest.mark.parametrize("when", ["standby", "connecting", "binding", "pausing"])
async def test_stop_at_any_time(smsc, rig, when, monkeypatch):
    one = rig()
    match when:
        case "standby":
            one.link.start()
            await eventually(lambda: one.link.reason == "standby")
        case "connecting":

            async def connect(*_: object) -> None:
                await asyncio.Event().wait()

            monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
            one.start()
            await eventually(lambda: one.link.state == "connecting")
        case "binding":
            smsc.answers_bind = False
            one.start()
            await smsc.until(lambda: smsc.bind_attempts)
        case _:
            await smsc.stop()
            one.start()
            await one.pausing()
    await one.link.stop(1000)
    assert one.link._task.done()
    if when == "binding":
        await smsc.until(lambda: smsc.connections[0].lost)


async def test_what_is_unanswered_when_stopped_is_lost_not_forgotten(smsc, rig):
    smsc.answer = smsc.ignore
    smsc.answers_unbind = False
    one = rig()
    one.start()
    await one.bound()
    one.submit("a")
    await one.link.stop(0.05)
    assert one.owner.lost == [("a", "left: stopping")]


async def test_a_stop_that_is_cancelled_still_closes(smsc, rig):
    smsc.answers_unbind = False
    one = rig()
    one.start()
    await one.bound()
    stopping = asyncio.create_task(one.link.stop(1000))
    await smsc.until(lambda: smsc.connections[0].of(Unbind))
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await smsc.until(lambda: smsc.connections[0].lost)
    await eventually(one.link._task.done)


# --- the rest ------------------------------------------------------------------------


async def test_a_fault_of_ours_is_told_and_survived(smsc, rig, monkeypatch, caplog):
    one = rig()

    def broken() -> None:
        monkeypatch.undo()
        raise RuntimeError("a mistake")

    monkeypatch.setattr(one.link, "_bind_pdu", broken)
    one.start()
    await one.pausing()
    assert one.link.reason == "RuntimeError: a mistake"
    assert [r for r in caplog.records if r.getMessage() == "link.broken"]
    one.clock.advance(2)
    await one.bound()


async def test_tls_with_a_real_handshake(rig, authority):
    issued = authority.issue("linked", "IP:127.0.0.1")
    async with fake_smsc(issued.server()) as smsc:
        one = rig(smsc.port, tls=Tls(ca=authority.certificate))
        one.start()
        await one.bound()
        host = one.meters.hosts[one.link.address]
        # The certificate is of today and good for two days.
        assert host.certificate_expiry.value is not None
        await one.link.stop(10)
        await smsc.until(lambda: smsc.connections[0].lost)


async def test_no_password_goes_to_the_wrong_certificate(rig, authority):
    issued = authority.issue("impostor", "DNS:elsewhere.example")
    async with fake_smsc(issued.server()) as smsc:
        one = rig(smsc.port, tls=Tls(ca=authority.certificate))
        one.start()
        await one.pausing()
        assert "its certificate is not valid" in one.link.reason
        assert one.binds() == {"tls": 1}
        assert smsc.log == []


async def test_no_password_goes_to_a_certificate_that_is_not_pinned(rig, authority):
    issued = authority.issue("unknown", "IP:127.0.0.1")
    tls = Tls(ca=authority.certificate, pin=("0" * 64,))
    async with wire_peer(issued.server()) as peer:
        one = rig(peer.port, tls=tls)
        one.start()
        connection = await peer.connection()
        assert await connection.read_to_end() == b""
        await one.pausing()
        assert "is not pinned" in one.link.reason


async def test_a_handshake_that_is_never_answered_is_tried_again(rig, authority):
    async with wire_peer() as peer:
        tls = Tls(ca=authority.certificate)
        one = rig(peer.port, tls=tls, connect_timeout=0.2)
        one.start()
        for attempt in (1, 2, 3):
            await one.pausing()
            assert one.link.reason == "no TLS handshake within 0.2 s"
            assert one.binds() == {"timeout": attempt}
            # Each pause is longer than the one before, up to twice.
            one.clock.advance(2**attempt)
        await eventually(lambda: peer.accepted == 4)


async def test_a_certificate_that_we_do_not_have(rig, authority):
    """In TLS 1.3 the server looks for it when we have begun to talk."""
    server = authority.issue("wants", "IP:127.0.0.1")
    context = server.server(client_ca=authority.certificate)
    with alerting_server(context) as port:
        one = rig(port, tls=Tls(ca=authority.certificate))
        one.start()
        await one.pausing()
        alert = "tlsv13 alert certificate required"
        assert one.link.reason == f"connection lost: {alert}"


async def test_plain_text_on_a_port_of_tls(rig, authority):
    """OpenSSL only closes …"""
    server = authority.issue("secured", "IP:127.0.0.1")
    with alerting_server(server.server()) as port:
        one = rig(port)
        one.start()
        await one.pausing()
        assert one.link.reason == "connection lost: closed by the SMSC"


async def test_plain_text_on_a_port_of_tls_that_says_so(rig):
    """… Java's answers with an alert: fatal, unexpected_message."""
    async with wire_peer() as peer:
        one = rig(peer.port)
        one.start()
        connection = await peer.connection()
        await connection.read_frame()
        connection.send(bytes.fromhex("15 0303 0002 02 0a"))
        await one.pausing()
        assert one.link.reason == "not SMPP: the SMSC speaks TLS on this port"


async def test_a_certificate_that_ends_is_told_once_a_day(rig, authority, caplog):
    issued = authority.issue("ending", "IP:127.0.0.1", days=10)
    pins = (issued.fingerprint,)
    async with fake_smsc(issued.server()) as smsc:
        one = rig(smsc.port, tls=Tls(verify=False, pin=pins))
        end = issued.certificate.stat().st_mtime + 10 * DAY
        one.clock = one.link._clock = ManualClock(end - 13 * DAY)
        one.start()
        await one.bound()
        ends = one.meters.hosts[one.link.address].certificate_expiry.value
        assert abs(ends - end) < 60
        notice = one.certificates.notice(one.clock.now())
        assert notice.startswith("the SMSC's certificate ends on 20")
        one.link.leave("rebind")
        await eventually(lambda: len(smsc.connections) == 2 and one.link.bound)
        (told,) = [r for r in caplog.records if r.getMessage() == "link.certificate"]
        assert told.levelname == "WARNING"
        one.clock.advance(DAY)
        one.link.leave("rebind")
        await eventually(lambda: len(smsc.connections) == 3 and one.link.bound)
        told = [r for r in caplog.records if r.getMessage() == "link.certificate"]
        assert len(told) == 2


async def test_a_peer_that_is_gone_before_we_bind(smsc, rig, monkeypatch):
    """Lost between the connection and its use: no error of the caller."""
    original = dial

    async def late(*args: Any) -> Any:
        found = await original(*args)
        await eventually(found[0].closed.done)
        return found

    monkeypatch.setattr(module, "dial", late)
    smsc.close_at_once = True
    one = rig()
    one.start()
    await one.pausing()
    assert one.link.reason == "connection lost: closed by the SMSC"


async def test_a_bind_that_the_smsc_has_forgotten(smsc, rig):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    one = rig()
    one.start()
    await one.bound()
    one.submit("first")
    one.submit("second")
    await smsc.until(lambda: len(held) == 2)
    first = smsc.bound[0]
    first.send(refuse(held[0], CommandStatus.ESME_RINVBNDSTS))
    await eventually(lambda: not one.link.bound)
    assert "forgotten" in one.link.reason
    await settle()
    # The other one may be answered better.
    assert first.of(Unbind) == []
    first.send(smsc.accept(held[1]))
    # Not at once: the next one might be forgotten as fast.
    await one.pausing()
    assert first.of(Unbind)
    assert len(smsc.connections) == 1
    one.clock.advance(120)
    await one.bound()
    assert one.owner.lost == []
    assert one.owner.notes == ["up", "left", "up"]


async def test_one_that_may_not_query_is_not_forgotten(smsc, rig):
    one = rig()
    one.start()
    await one.bound()
    transport = one.link.transport
    transport.session.submit(QuerySm(message_id="m1"), transport.now())
    transport.touch()
    bind = smsc.bound[0]
    await smsc.until(lambda: bind.of(QuerySm))
    (pdu,) = bind.of(QuerySm)
    status = int(CommandStatus.ESME_RINVBNDSTS)
    bind.send(QuerySmResp(sequence=pdu.sequence, status=status))
    await eventually(lambda: one.owner.of(Responded))
    await settle()
    assert one.link.bound


async def test_unless_the_carrier_means_something_else_by_it(smsc, rig):
    smsc.answer = lambda pdu: refuse(pdu, CommandStatus.ESME_RINVBNDSTS)
    one = rig(statuses={int(CommandStatus.ESME_RINVBNDSTS): "message"})
    one.start()
    await one.bound()
    one.submit("a")
    await eventually(lambda: one.owner.of(Responded))
    await settle()
    assert one.link.bound
