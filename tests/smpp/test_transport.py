"""esmed.smpp.transport, over a socket that only notes what is done to it."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from fakes.wait import eventually, settle

from esmed.smpp import transport as module
from esmed.smpp.events import Alive, Closed, Event, Received, Responded
from esmed.smpp.session import Session
from esmed.smpp.states import State
from esmed.smpp.timers import TimerSettings
from esmed.smpp.transport import Transport
from pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    decode,
    encode,
)

SLOW = TimerSettings(
    bind=1000, unbind=1000, response=1000, enquire_link=1000, enquire_link_timeout=1000
)


class Socket(asyncio.Transport):
    """Notes writes and the like; closes when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.notes: list[str] = []
        self.closing = False

    def write(self, data: Any) -> None:
        assert not self.closing
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.notes.append("close")

    def abort(self) -> None:
        self.closing = True
        self.notes.append("abort")

    def pause_reading(self) -> None:
        self.notes.append("pause")

    def resume_reading(self) -> None:
        self.notes.append("resume")


class Owner:
    """Notes events; does something when told of them."""

    def __init__(self, settings: TimerSettings = SLOW) -> None:
        self.batches: list[list[Any]] = []
        self.writable = 0
        self.reaction: Callable[[list[Event]], None] = lambda _: None
        self.socket = Socket()
        self.transport = Transport(Session(settings), self.take, self.note_writable)
        self.transport.connection_made(self.socket)

    @property
    def session(self) -> Session:
        return self.transport.session

    @property
    def kinds(self) -> list[list[type[Event]]]:
        return [[type(event) for event in batch] for batch in self.batches]

    def take(self, events: list[Event]) -> None:
        self.batches.append(events)
        self.reaction(events)

    def note_writable(self) -> None:
        self.writable += 1

    async def bind(self) -> None:
        """Come to BOUND_TRX, with nothing noted so far."""
        self.session.bind(BindTransceiver(system_id="me"), self.transport.now())
        self.transport.touch()
        await settle()
        self.transport.data_received(encode(BindTransceiverResp(sequence=1)))
        assert self.session.state is State.BOUND_TRX
        self.batches.clear()
        self.socket.writes.clear()


@pytest.fixture
async def owner() -> Owner:
    owner = Owner()
    await owner.bind()
    return owner


async def test_one_write_a_turn(owner):
    for _ in range(3):
        owner.session.submit(SubmitSm(), owner.transport.now())
        owner.transport.touch()
    assert owner.socket.writes == []
    await settle()
    (data,) = owner.socket.writes
    assert len(data) == 3 * len(encode(SubmitSm()))


async def test_one_batch_a_read_and_one_write_for_all_answers(owner):
    for name in "ab":
        owner.session.submit(SubmitSm(), owner.transport.now(), name)
    owner.transport.touch()
    await settle()
    owner.socket.writes.clear()
    owner.transport.data_received(
        encode(SubmitSmResp(sequence=2, message_id="1"))
        + encode(EnquireLink(sequence=9))
        + encode(DeliverSm(sequence=10))
        + encode(SubmitSmResp(sequence=3, message_id="2"))
    )
    assert owner.kinds == [[Responded, Received, Responded]]
    assert owner.socket.writes == [encode(EnquireLinkResp(sequence=9))]


async def test_what_the_owner_does_on_events_leaves_with_the_same_write(owner):
    def answer(events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Received):
                owner.session.accept(event.pdu)
                owner.transport.touch()

    owner.reaction = answer
    owner.transport.data_received(
        encode(EnquireLink(sequence=9)) + encode(DeliverSm(sequence=10))
    )
    (data,) = owner.socket.writes
    assert data[:16] == encode(EnquireLinkResp(sequence=9))
    assert data[16:20] == bytes.fromhex("00000011")
    await settle()
    assert len(owner.socket.writes) == 1


async def test_nothing_is_written_for_nothing(owner):
    owner.transport.touch()
    await settle()
    assert owner.socket.writes == []


async def test_the_session_is_ticked_at_its_deadline():
    owner = Owner(TimerSettings(enquire_link=0.05, enquire_link_timeout=1000))
    await owner.bind()
    await eventually(lambda: owner.socket.writes)
    assert owner.socket.writes == [encode(EnquireLink(sequence=2))]
    owner.transport.data_received(encode(EnquireLinkResp(sequence=2)))
    assert owner.kinds == [[Alive]]
    await eventually(lambda: len(owner.socket.writes) == 2)


async def test_what_came_while_the_machine_stood_still_came_in_time(monkeypatch):
    owner = Owner(TimerSettings(response=0.1, enquire_link=1000))
    await owner.bind()
    loop = asyncio.get_running_loop()
    selector = loop._selector  # type: ignore[attr-defined]
    select = selector.select
    here, there = socket.socketpair()
    with here, there:
        loop.add_reader(here, lambda: owner.transport.data_received(here.recv(100)))
        sequence = owner.session.submit(SubmitSm(), owner.transport.now(), "part")
        owner.transport.touch()
        await settle()
        deadline = loop.time() + 0.1

        def stood_still(_: float | None) -> Any:
            """Between the look at the sockets and the look at the clock."""
            monkeypatch.setattr(selector, "select", select)
            found = select(0)
            time.sleep(max(deadline - loop.time(), 0) + 0.01)
            there.send(encode(SubmitSmResp(sequence=sequence, message_id="x")))
            return found

        monkeypatch.setattr(selector, "select", stood_still)
        await eventually(lambda: owner.batches)
        loop.remove_reader(here)
    assert owner.kinds == [[Responded]]


async def test_an_earlier_deadline_replaces_a_later_one():
    owner = Owner(TimerSettings(response=0.05, enquire_link=1000))
    await owner.bind()
    owner.session.submit(SubmitSm(), owner.transport.now())
    owner.transport.touch()
    await eventually(lambda: owner.batches)
    assert [kind.__name__ for kind in owner.kinds[0]] == ["TimedOut"]


async def test_a_later_deadline_leaves_the_timer_alone(owner):
    timer = owner.transport._timer
    owner.transport.data_received(encode(EnquireLink(sequence=9)))
    assert owner.transport._timer is timer


async def test_back_pressure_of_the_socket(owner):
    owner.transport.pause_writing()
    assert not owner.transport.writable
    owner.transport.resume_writing()
    assert owner.transport.writable
    assert owner.writable == 1


async def test_too_many_unstored_messages_stop_the_reading(owner):
    owner.transport.data_received(encode(DeliverSm(sequence=1)) * 1000)
    assert owner.socket.notes == []
    owner.transport.data_received(encode(DeliverSm(sequence=1)))
    assert owner.socket.notes == ["pause"]
    pdus = [event.pdu for batch in owner.batches for event in batch]
    for pdu in pdus[:500]:
        owner.session.accept(pdu)
    owner.transport.touch()
    await settle()
    assert owner.socket.notes == ["pause"]
    owner.session.accept(pdus[500])
    owner.transport.touch()
    await settle()
    assert owner.socket.notes == ["pause", "resume"]


async def test_who_does_not_listen_cannot_complain_of_silence(monkeypatch):
    monkeypatch.setattr(module, "UNACKNOWLEDGED_MOST", 1)
    monkeypatch.setattr(module, "_DEAF_TICK", 0.01)
    owner = Owner(TimerSettings(enquire_link=0.02, enquire_link_timeout=0.02))
    await owner.bind()
    owner.transport.data_received(encode(DeliverSm(sequence=1)) * 2)
    assert owner.socket.notes == ["pause"]
    await asyncio.sleep(0.2)
    assert owner.session.state is State.BOUND_TRX
    for event in owner.batches[0]:
        owner.session.accept(event.pdu)
    owner.transport.touch()
    await eventually(lambda: owner.session.state is State.CLOSED)
    assert owner.socket.notes == ["pause", "resume", "close"]


async def test_the_end_of_the_session_closes_after_the_last_answer(owner):
    owner.transport.data_received(encode(Unbind(sequence=5)))
    assert owner.socket.writes == [encode(UnbindResp(sequence=5))]
    assert owner.socket.notes == ["close"]
    assert not owner.transport.closed.done()
    owner.transport.connection_lost(None)
    assert owner.transport.closed.done()
    assert [type(event) for event in owner.batches[-1]][-1] is Closed
    await settle()
    assert owner.socket.notes == ["close"]


async def test_it_is_closed_once(owner):
    owner.transport.data_received(encode(Unbind(sequence=5)))
    owner.transport.data_received(encode(Unbind(sequence=6)))
    assert owner.socket.notes == ["close"]
    owner.transport.connection_lost(None)


async def test_before_the_bind_nothing_is_due():
    owner = Owner()
    owner.transport.data_received(encode(EnquireLink(sequence=9)))
    assert owner.socket.writes == [encode(EnquireLinkResp(sequence=9))]
    assert owner.transport._timer is None


async def test_a_peer_that_takes_nothing_is_cut_off(owner, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.01)
    owner.transport.data_received(encode(Unbind(sequence=5)))
    await eventually(lambda: owner.socket.notes == ["close", "abort"])


async def test_nothing_is_written_to_a_closing_socket(owner):
    owner.socket.closing = True
    owner.session.submit(SubmitSm(), owner.transport.now())
    owner.transport.touch()
    await settle()
    assert owner.socket.writes == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "closed by the SMSC"),
        (ConnectionResetError(104, "Connection reset by peer"), "reset by peer"),
        (ValueError("odd"), "odd"),
        (ValueError(), "ValueError"),
    ],
)
async def test_why_the_connection_is_lost(owner, error, words):
    owner.transport.connection_lost(error)
    assert words in owner.batches[-1][-1].reason
    owner.transport.touch()
    await settle()
    assert owner.socket.notes == []


async def test_dropping_tells_at_once(owner):
    owner.transport.end("stopping")
    assert owner.batches[-1][-1].reason == "left: stopping"
    assert owner.socket.notes == ["close", "abort"]
    owner.transport.connection_lost(None)
    owner.transport.end("again")
    assert len(owner.batches) == 1


async def test_an_owner_that_fails_does_not_stop_the_rest(owner):
    def fail(_: list[Event]) -> None:
        raise RuntimeError

    owner.reaction = fail
    with pytest.raises(RuntimeError):
        owner.transport.data_received(encode(DeliverSm(sequence=10)))
    owner.transport.data_received(encode(EnquireLink(sequence=9)))
    assert decode(owner.socket.writes[-1]) == EnquireLinkResp(sequence=9)


async def test_a_waiter_that_was_cancelled_does_no_harm(owner):
    owner.transport.closed.cancel()
    owner.transport.connection_lost(None)
    assert owner.session.state is State.CLOSED
