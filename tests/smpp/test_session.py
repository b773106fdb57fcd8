"""esmed.smpp.session: literal octets and integer time, no event loop.

The first part is one table with every (state, event) pair; the rest are the rules that
need more than one event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.errors import SessionError
from esmed.smpp.events import (
    Alive,
    Cause,
    Closed,
    Event,
    Late,
    Odd,
    Received,
    Responded,
    StateChanged,
    TimedOut,
    Unexpected,
)
from esmed.smpp.session import Session
from esmed.smpp.states import BOUND, SENDS, TAKES, TRANSITIONS, State, Trigger
from esmed.smpp.timers import TimerSettings
from pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    EncodeError,
    QuerySm,
    RawPdu,
    SubmitSm,
    SubmitSmResp,
)

SETTINGS = TimerSettings(
    bind=10, unbind=5, response=30, enquire_link=60, enquire_link_timeout=20
)


def frame(command_id: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """A PDU, octet by octet."""
    numbers = (16 + len(body), command_id, status, sequence)
    return b"".join(number.to_bytes(4, "big") for number in numbers) + body


SUBMIT_BODY = bytes.fromhex(
    "00"  # service_type
    "0500 53686f7000"  # source: alphanumeric, "Shop"
    "0101 33383000"  # destination: international, "380"
    "00 00 00"  # esm_class, protocol_id, priority_flag
    "00 00"  # schedule_delivery_time, validity_period
    "01 00 00 00"  # registered_delivery, replace, data_coding, default message
    "02 6869"  # "hi"
)
SUBMIT = SubmitSm(
    source_addr_ton=5,
    source_addr="Shop",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr="380",
    registered_delivery=1,
    short_message=b"hi",
)
DELIVER_BODY = bytes.fromhex(
    "00 0101 33383000 0000 3500 00 00 00 00 00 00 00 00 00 02 6f6b"
)
DATA_BODY = bytes.fromhex("00 0101 33383000 0000 3500 00 00 00 0424 0002 6f6b")
BIND_BODY = b"me\0secret\0\0\x34\0\0\0"
BINDS = {
    State.BOUND_TX: (BindTransmitter, 0x02),
    State.BOUND_RX: (BindReceiver, 0x01),
    State.BOUND_TRX: (BindTransceiver, 0x09),
}


def told(session: Session) -> list[Any]:
    """What it has to tell, in order."""
    return [*session.events()]


def credentials(state: State = State.BOUND_TRX) -> Any:
    return BINDS[state][0](system_id="me", password="secret")


def in_state(state: State) -> Session:
    """A session that has come to this state, with nothing left to send or tell.

    The bind had number 1, in UNBINDING the unbind number 2, in PEER_UNBINDING a
    submit_sm; all at second 0.
    """
    session = Session(SETTINGS)
    kind = state if state in BOUND else State.BOUND_TRX
    if state is State.CLOSED:
        session.close()
    elif state is not State.OPEN:
        session.bind(credentials(kind), 0)
        if state is not State.BINDING:
            command_id = 0x80000000 | BINDS[kind][1]
            session.receive_data(frame(command_id, 0, 1, b"smsc\0"), 0)
        if state is State.UNBINDING:
            session.unbind(0)
        if state is State.PEER_UNBINDING:
            session.submit(SUBMIT, 0)
            session.receive_data(frame(0x06, 0, 76), 0)
    session.data_to_send()
    told(session)
    assert session.state is state
    return session


# --- every state, every event --------------------------------------------------------

ALIVE = frozenset(State) - {State.CLOSED}
UNBOUND = frozenset({State.OPEN, State.BINDING})
TAKING = BOUND | {State.UNBINDING, State.PEER_UNBINDING}
SETTLED = ALIVE - {State.PEER_UNBINDING}
BYE = frame(0x80000006, 0, 76)
"""What PEER_UNBINDING owes."""
SENDING = frozenset({State.BOUND_TX, State.BOUND_TRX})
NO_BIND = 0x04
"""ESME_RINVBNDSTS."""

Action = Callable[[Session], object]


@dataclass(frozen=True)
class Then:
    """What an event does in some states."""

    states: frozenset[State]
    becomes: State | None = None
    sends: bytes = b""
    tells: tuple[type[Event], ...] = ()


def stays(states: frozenset[State], *tells: type[Event], sends: bytes = b"") -> Then:
    return Then(states, sends=sends, tells=tells)


def ends(states: frozenset[State] = ALIVE, sends: bytes = b"") -> Then:
    return Then(states, State.CLOSED, sends, (StateChanged, Closed))


def only(state: State) -> frozenset[State]:
    return frozenset({state})


def arrives(*numbers: int, body: bytes = b"") -> Action:
    data = frame(numbers[0], numbers[1], numbers[2], body)
    return lambda session: session.receive_data(data, 1)


WISHES: dict[str, tuple[Action, tuple[Then, ...]]] = {
    # In all other states: SessionError, and nothing happens.
    "bind": (
        lambda s: s.bind(credentials(), 1),
        (
            Then(
                only(State.OPEN),
                State.BINDING,
                frame(0x09, 0, 1, BIND_BODY),
                (StateChanged,),
            ),
        ),
    ),
    "submit_sm": (
        lambda s: s.submit(SUBMIT, 1),
        (stays(SENDING, sends=frame(0x04, 0, 2, SUBMIT_BODY)),),
    ),
    "query_sm": (
        lambda s: s.submit(QuerySm(message_id="7"), 1),
        (stays(SENDING, sends=frame(0x03, 0, 2, b"7\0\0\0\0")),),
    ),
    "unbind": (
        lambda s: s.unbind(1),
        (Then(BOUND, State.UNBINDING, frame(0x06, 0, 2), (StateChanged,)),),
    ),
}

HAPPENINGS: dict[str, tuple[Action, tuple[Then, ...]]] = {
    # In CLOSED: nothing. For all other states there is a row.
    "close": (lambda s: s.close(), (ends(),)),
    "end of the stream": (lambda s: s.receive_eof(), (ends(),)),
    "no time passes": (lambda s: s.tick(1), (stays(ALIVE),)),
    "bind timeout": (
        lambda s: s.tick(10),
        (
            ends(frozenset({State.BINDING, State.UNBINDING})),
            ends(only(State.PEER_UNBINDING), sends=BYE),
            stays(BOUND | {State.OPEN}),
        ),
    ),
    "silence": (
        lambda s: s.tick(60),
        (
            stays(only(State.OPEN)),
            ends(frozenset({State.BINDING, State.UNBINDING})),
            Then(
                only(State.PEER_UNBINDING),
                State.CLOSED,
                BYE,
                (TimedOut, StateChanged, Closed),
            ),
            stays(BOUND, sends=frame(0x15, 0, 2)),
        ),
    ),
    "half a PDU": (
        lambda s: s.receive_data(frame(0x15, 0, 77)[:15], 1),
        (stays(ALIVE),),
    ),
    "a length that cannot be": (
        lambda s: s.receive_data(bytes.fromhex("0000000f 80000004"), 1),
        (ends(sends=frame(0x80000000, 0x02, 0)),),
    ),
    # requests
    "enquire_link": (
        arrives(0x15, 0, 77),
        (stays(ALIVE, sends=frame(0x80000015, 0, 77)),),
    ),
    "unbind of the peer": (
        arrives(0x06, 0, 77),
        (ends(sends=frame(0x80000006, 0, 77)),),
    ),
    "deliver_sm": (
        arrives(0x05, 0, 77, body=DELIVER_BODY),
        (
            stays(UNBOUND, Odd, sends=frame(0x80000005, NO_BIND, 77)),
            stays(TAKING, Received),
        ),
    ),
    "data_sm": (
        arrives(0x103, 0, 77, body=DATA_BODY),
        (
            stays(UNBOUND, Odd, sends=frame(0x80000103, NO_BIND, 77)),
            stays(TAKING, Received),
        ),
    ),
    "submit_sm from an SMSC": (
        arrives(0x04, 0, 77, body=SUBMIT_BODY),
        (stays(ALIVE, Odd, sends=frame(0x80000004, NO_BIND, 77)),),
    ),
    "bind from an SMSC": (
        arrives(0x09, 0, 77, body=BIND_BODY),
        (stays(ALIVE, Odd, sends=frame(0x80000009, NO_BIND, 77)),),
    ),
    "outbind": (
        arrives(0x0B, 0, 77, body=b"smsc\0pw\0"),
        (stays(ALIVE, Odd),),
    ),
    "alert_notification": (
        arrives(0x102, 0, 77, body=b"\x01\x01380\0\0\0me\0"),
        (stays(ALIVE, Odd),),
    ),
    "alert_notification that cannot be read": (
        arrives(0x102, 0, 77, body=b"no NUL"),
        (stays(ALIVE, Odd),),
    ),
    "unknown command": (
        arrives(0x999, 0, 77, body=b"\xff\xff"),
        (stays(ALIVE, Odd, sends=frame(0x80000000, 0x03, 77)),),
    ),
    "deliver_sm that cannot be read": (
        arrives(0x05, 0, 77, body=b"no NUL"),
        (stays(ALIVE, Odd, sends=frame(0x80000005, 0x02, 77)),),
    ),
    # responses: the bind had number 1, the unbind of UNBINDING number 2
    "bind accepted": (
        arrives(0x80000009, 0, 1, body=b"smsc\0"),
        (
            stays(only(State.OPEN), Unexpected),
            Then(only(State.BINDING), State.BOUND_TRX, tells=(StateChanged,)),
            stays(TAKING, Unexpected),
        ),
    ),
    "bind refused": (
        arrives(0x80000009, 0x0E, 1),
        (ends(only(State.BINDING)), stays(ALIVE - {State.BINDING}, Unexpected)),
    ),
    "bind answered by generic_nack": (
        arrives(0x80000000, 0x03, 1),
        (ends(only(State.BINDING)), stays(ALIVE - {State.BINDING}, Unexpected)),
    ),
    "bind answered by a generic_nack with ESME_ROK": (
        arrives(0x80000000, 0, 1),
        (ends(only(State.BINDING)), stays(ALIVE - {State.BINDING}, Unexpected)),
    ),
    "bind answered with another number": (
        arrives(0x80000009, 0, 5, body=b"smsc\0"),
        (stays(ALIVE, Unexpected),),
    ),
    "bind answered as another kind": (
        arrives(0x80000001, 0, 1, body=b"smsc\0"),
        (stays(ALIVE, Unexpected),),
    ),
    "unbind_resp": (
        arrives(0x80000006, 0, 2),
        (ends(only(State.UNBINDING)), stays(ALIVE - {State.UNBINDING}, Unexpected)),
    ),
    "unbind answered by generic_nack": (
        arrives(0x80000000, 0x03, 2),
        (
            ends(only(State.UNBINDING)),
            Then(
                only(State.PEER_UNBINDING),
                State.CLOSED,
                BYE,
                (Responded, StateChanged, Closed),
            ),
            stays(SETTLED - {State.UNBINDING}, Unexpected),
        ),
    ),
    "submit_sm_resp to nothing": (
        arrives(0x80000004, 0, 99, body=b"id\0"),
        (stays(ALIVE, Unexpected),),
    ),
    "generic_nack to nothing": (
        arrives(0x80000000, 0x03, 0),
        (stays(ALIVE, Unexpected),),
    ),
    "unknown response": (
        arrives(0x80000999, 0, 99, body=b"\xff"),
        (stays(ALIVE, Unexpected),),
    ),
}


def found(rows: tuple[Then, ...], state: State) -> Then | None:
    fitting = [row for row in rows if state in row.states]
    assert len(fitting) <= 1
    return fitting[0] if fitting else None


def check(session: Session, then: Then, before: State) -> None:
    assert session.state is (then.becomes or before)
    assert session.data_to_send() == then.sends
    assert tuple(map(type, told(session))) == then.tells


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", WISHES)
def test_every_wish_in_every_state(name, state):
    action, rows = WISHES[name]
    session = in_state(state)
    then = found(rows, state)
    if then is None:
        with pytest.raises(SessionError, match=f"while {state}"):
            action(session)
        then = stays(only(state))
    else:
        action(session)
    check(session, then, state)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", HAPPENINGS)
def test_everything_that_happens_in_every_state(name, state):
    action, rows = HAPPENINGS[name]
    session = in_state(state)
    then = stays(only(state)) if state is State.CLOSED else found(rows, state)
    assert then is not None, "no row for this state"
    action(session)
    check(session, then, state)


def test_the_tables_name_every_state():
    assert set(TRANSITIONS) == set(SENDS) == set(TAKES) == set(State)


def test_whatever_is_not_closed_can_end():
    ending = {s for s, row in TRANSITIONS.items() if Trigger.ENDED in row}
    assert ending == ALIVE


# --- binding -------------------------------------------------------------------------


@pytest.mark.parametrize("state", BINDS)
def test_the_kind_of_the_bind_is_the_state(state):
    session = Session(SETTINGS)
    session.bind(credentials(state), 0)
    command_id = BINDS[state][1]
    assert session.data_to_send() == frame(command_id, 0, 1, BIND_BODY)
    assert session.state is State.BINDING
    session.receive_data(frame(0x80000000 | command_id, 0, 1, b"smsc\0"), 0)
    assert told(session)[-1] == StateChanged(State.BINDING, state)
    assert session.peer_system_id == "smsc"
    assert session.peer_version is None


def test_what_the_smsc_says_of_itself():
    session = in_state(State.BINDING)
    session.receive_data(
        frame(0x80000009, 0, 1, b"smsc\0" + bytes.fromhex("0210 0001 50")), 0
    )
    assert session.peer_version == 0x50


def test_a_bind_response_without_a_body_binds():
    session = in_state(State.BINDING)
    session.receive_data(frame(0x80000009, 0, 1), 0)
    assert session.state is State.BOUND_TRX


def test_octets_glued_to_the_bind_response():
    session = in_state(State.BINDING)
    session.receive_data(
        frame(0x80000009, 0, 1, b"smsc\0")
        + frame(0x05, 0, 77, DELIVER_BODY)
        + frame(0x15, 0, 78),
        0,
    )
    changed, received = told(session)
    assert changed == StateChanged(State.BINDING, State.BOUND_TRX)
    assert isinstance(received, Received)
    assert session.data_to_send() == frame(0x80000015, 0, 78)


@pytest.mark.parametrize(
    ("status", "words"),
    [(0x0E, "ESME_RINVPASWD"), (0x05, "ESME_RALYBND"), (0x455, "0x00000455")],
)
@pytest.mark.parametrize("body", [b"", b"\0"])
def test_a_refused_bind_tells_the_status(status, words, body):
    session = in_state(State.BINDING)
    session.receive_data(frame(0x80000009, status, 1, body), 0)
    closed = told(session)[-1]
    assert isinstance(closed, Closed)
    assert closed.cause is Cause.REFUSED
    assert closed.status == status
    assert words in closed.reason


def test_no_answer_to_the_bind():
    session = in_state(State.BINDING)
    assert session.next_deadline() == 10
    session.tick(9)
    assert session.state is State.BINDING
    session.tick(10)
    assert told(session)[-1] == Closed(Cause.BIND_TIMEOUT, "within 10 s")
    assert session.next_deadline() is None


def test_no_secret_in_any_event():
    session = Session(SETTINGS)
    session.bind(credentials(), 0)
    session.data_to_send()
    session.receive_data(frame(0x80000009, 0x0E, 1), 0)
    assert "secret" not in repr(told(session)) + repr(vars(session))


# --- requests and their answers ------------------------------------------------------


COMMANDS: tuple[int, ...] = (0x01, 0x04, 0x05, 0x06, 0x0B, 0x15, 0x102, 0x103, 0x999)
COMMANDS += (0x80000000, 0x80000004, 0x80000006, 0x80000009, 0x80000015)


def trx() -> Session:
    return in_state(State.BOUND_TRX)


def test_an_answer_brings_back_what_came_with_the_request():
    session = trx()
    assert session.submit(SUBMIT, 5, "mine") == 2
    assert session.unanswered == 1
    session.receive_data(frame(0x80000004, 0, 2, b"abc\0"), 6)
    assert told(session) == [
        Responded(2, SubmitSmResp(sequence=2, message_id="abc"), "mine", 5)
    ]
    assert session.unanswered == 0


def test_answers_in_any_order_octet_by_octet():
    session = trx()
    for name in "abc":
        session.submit(SUBMIT, 0, name)
    stream = b"".join(frame(0x80000004, 0, n, b"id\0") for n in (4, 2, 3))
    for octet in stream:
        session.receive_data(bytes((octet,)), 1)
    assert [event.context for event in told(session)] == ["c", "a", "b"]


@pytest.mark.parametrize("body", [b"", b"\0"])
def test_an_error_response_with_and_without_body(body):
    session = trx()
    session.submit(SUBMIT, 0, "mine")
    session.receive_data(frame(0x80000004, 0x58, 2, body), 1)
    (event,) = told(session)
    assert event.pdu.status == 0x58
    assert event.context == "mine"


def test_a_vendors_status_is_just_a_number():
    session = trx()
    session.submit(SUBMIT, 0)
    session.receive_data(frame(0x80000004, 0x04F2, 2), 1)
    (event,) = told(session)
    assert event.pdu.status == 0x04F2


def test_generic_nack_answers_a_request():
    session = trx()
    session.submit(SUBMIT, 0, "mine")
    session.receive_data(frame(0x80000000, 0x02, 2), 1)
    (event,) = told(session)
    assert isinstance(event, Responded)
    assert event.pdu.command_id == 0x80000000
    assert event.context == "mine"


def test_a_response_that_cannot_be_read_still_answers():
    """Its header says which request ended, and how."""
    session = trx()
    session.submit(QuerySm(message_id="7"), 0, "mine")
    session.receive_data(frame(0x80000003, 0x67, 2, b"7\0torn"), 1)
    odd, event = told(session)
    assert isinstance(odd, Odd)
    header = RawPdu(command_id=0x80000003, sequence=2, status=0x67)
    assert event == Responded(2, header, "mine", 0)


def test_the_response_to_another_kind_of_request_answers_nothing():
    session = trx()
    session.submit(SUBMIT, 0)
    session.receive_data(frame(0x80000103, 0, 2, b"id\0"), 1)
    assert told(session) == [Unexpected(0x80000103, 2, duplicate=True)]
    assert session.unanswered == 1


def test_a_second_answer_is_told_from_a_stray_one():
    session = trx()
    session.submit(SUBMIT, 0)
    session.receive_data(frame(0x80000004, 0, 2, b"a\0"), 1)
    told(session)
    session.receive_data(frame(0x80000004, 0, 2, b"a\0"), 1)
    session.receive_data(frame(0x80000004, 0, 3, b"a\0"), 1)
    assert told(session) == [
        Unexpected(0x80000004, 2, duplicate=True),
        Unexpected(0x80000004, 3, duplicate=False),
    ]


def test_no_answer_in_time_then_a_late_one():
    session = trx()
    session.submit(SUBMIT, 10, "a")
    session.submit(SUBMIT, 15, "b")
    assert session.next_deadline() == 40
    session.tick(40)
    assert told(session) == [TimedOut(2, "a", 10)]
    session.receive_data(frame(0x80000004, 0, 2, b"id\0"), 41)
    assert told(session) == [
        Late(2, SubmitSmResp(sequence=2, message_id="id"), "a", 10)
    ]
    session.receive_data(frame(0x80000004, 0, 2, b"id\0"), 42)
    assert told(session) == [Unexpected(0x80000004, 2, duplicate=True)]


def test_an_answer_that_comes_with_the_request_not_yet_sent():
    """The request is known before its octets can have left."""
    session = trx()
    session.submit(SUBMIT, 0, "mine")
    session.receive_data(frame(0x80000004, 0, 2, b"id\0"), 0)
    assert [event.context for event in told(session)] == ["mine"]


def test_numbers_wrap_and_skip_what_is_in_flight():
    session = Session(SETTINGS, first_sequence=0x7FFFFFFE)
    session.bind(credentials(), 0)
    assert session.data_to_send()[12:16].hex() == "7ffffffe"
    session.receive_data(frame(0x80000009, 0, 0x7FFFFFFE, b"\0"), 0)
    assert [session.submit(SUBMIT, 0) for _ in range(3)] == [0x7FFFFFFF, 1, 2]


def test_what_does_not_fit_the_wire_is_not_written():
    session = trx()
    with pytest.raises(EncodeError):
        session.submit(SubmitSm(destination_addr="1" * 21), 0)
    assert session.data_to_send() == b""
    assert session.unanswered == 0
    assert session.submit(SUBMIT, 0) == 2


def test_many_requests_are_one_write():
    session = trx()
    for _ in range(3):
        session.submit(SUBMIT, 0)
    assert session.data_to_send() == b"".join(
        frame(0x04, 0, number, SUBMIT_BODY) for number in (2, 3, 4)
    )
    assert session.data_to_send() == b""


@pytest.mark.parametrize("ending", ["eof", "unbind", "garbage", "close", "silence"])
def test_what_is_unanswered_at_the_end_is_lost_once(ending):
    session = trx()
    for name in "abc":
        session.submit(SUBMIT, 0, name)
    session.receive_data(frame(0x80000004, 0, 3, b"id\0"), 0)
    match ending:
        case "eof":
            session.receive_eof()
        case "unbind":
            session.receive_data(frame(0x06, 0, 1), 0)
            session.tick(2)
        case "garbage":
            session.receive_data(b"GET / HTTP/1.1\r\n", 0)
        case "close":
            session.close()
        case _:
            session = trx()
            session.tick(60)
            session.submit(SUBMIT, 60, "a")
            session.submit(SUBMIT, 60, "c")
            session.tick(80)
    assert session.state is State.CLOSED
    assert [pending.context for _, pending in session.lost()] == ["a", "c"]
    assert session.lost() == []


def test_answers_behind_the_peers_unbind_count():
    session = trx()
    for name in "ab":
        session.submit(SUBMIT, 0, name)
    session.data_to_send()
    session.receive_data(frame(0x06, 0, 9) + frame(0x80000004, 0, 2, b"id\0"), 0)
    assert session.state is State.PEER_UNBINDING
    assert session.next_deadline() == 2
    assert session.data_to_send() == b""
    session.receive_data(frame(0x80000004, 0, 3, b"id\0"), 1)
    assert session.data_to_send() == frame(0x80000006, 0, 9)
    kinds = [type(event) for event in told(session)]
    assert kinds == [StateChanged, Responded, Responded, StateChanged, Closed]
    assert session.lost() == []


def test_nothing_is_submitted_to_a_peer_that_unbinds():
    session = in_state(State.PEER_UNBINDING)
    with pytest.raises(SessionError):
        session.submit(SUBMIT, 1)
    session.receive_data(frame(0x06, 0, 77), 1)
    assert session.data_to_send() == frame(0x80000006, 0, 77)


def test_messages_before_the_peers_unbind_are_answered_before_it():
    session = trx()
    session.receive_data(frame(0x05, 0, 7, DELIVER_BODY) + frame(0x06, 0, 8), 0)
    assert session.state is State.PEER_UNBINDING
    session.accept(told(session)[0].pdu)
    assert session.data_to_send() == (
        frame(0x80000005, 0, 7, b"\0") + frame(0x80000006, 0, 8)
    )
    (_, closed) = told(session)
    assert closed.cause is Cause.UNBOUND_BY_PEER


def test_pdus_behind_the_answer_to_the_peers_unbind_count_no_more():
    session = trx()
    session.receive_data(frame(0x06, 0, 1) + frame(0x05, 0, 7, DELIVER_BODY), 0)
    assert [type(event) for event in told(session)] == [StateChanged, Closed]
    assert session.data_to_send() == frame(0x80000006, 0, 1)


def test_answers_before_the_peers_unbind_count():
    session = trx()
    session.submit(SUBMIT, 0, "a")
    session.receive_data(frame(0x80000004, 0, 2, b"id\0") + frame(0x06, 0, 1), 0)
    assert isinstance(told(session)[0], Responded)
    assert session.lost() == []


# --- messages received ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("command_id", "body", "kind"),
    [(0x05, DELIVER_BODY, DeliverSm), (0x103, DATA_BODY, DataSm)],
)
def test_messages_are_answered_when_we_say_so(command_id, body, kind):
    session = trx()
    session.receive_data(b"".join(frame(command_id, 0, n, body) for n in (7, 8, 9)), 0)
    first, second, third = (event.pdu for event in told(session))
    assert type(first) is kind
    assert session.unacknowledged == 3
    assert session.data_to_send() == b""
    session.accept(third)
    session.refuse(first, 0x64)
    assert session.data_to_send() == (
        frame(0x80000000 | command_id, 0, 9, b"\0")
        + frame(0x80000000 | command_id, 0x64, 7)
    )
    assert session.unacknowledged == 1
    session.accept(second)
    assert session.unacknowledged == 0


def test_a_number_used_twice_is_owed_two_answers():
    session = trx()
    session.receive_data(frame(0x05, 0, 1, DELIVER_BODY) * 2, 0)
    for event in told(session):
        session.accept(event.pdu)
    assert session.data_to_send() == frame(0x80000005, 0, 1, b"\0") * 2


def test_nothing_is_answered_after_the_end():
    session = trx()
    session.receive_data(frame(0x05, 0, 7, DELIVER_BODY) * 2, 0)
    first, second = (event.pdu for event in told(session))
    session.receive_eof()
    session.accept(first)
    session.refuse(second, 0x64)
    assert session.data_to_send() == b""


def test_messages_are_answered_while_we_leave():
    session = trx()
    session.receive_data(frame(0x05, 0, 7, DELIVER_BODY), 0)
    (event,) = told(session)
    session.unbind(0)
    session.data_to_send()
    session.accept(event.pdu)
    assert session.data_to_send() == frame(0x80000005, 0, 7, b"\0")


# --- enquire_link --------------------------------------------------------------------


def test_we_ask_after_silence_and_the_answer_is_timed():
    session = trx()
    assert session.next_deadline() == 60
    session.tick(60)
    assert session.data_to_send() == frame(0x15, 0, 2)
    assert session.next_deadline() == 80
    session.receive_data(frame(0x80000015, 0, 2), 63)
    assert told(session) == [Alive(3)]
    assert session.next_deadline() == 123


def test_silence_after_enquire_link_is_the_end():
    session = trx()
    session.tick(60)
    session.tick(79)
    assert session.state is State.BOUND_TRX
    session.tick(80)
    closed = told(session)[-1]
    assert closed == Closed(Cause.SILENT, "nothing heard for 20 s")


def test_any_pdu_shows_that_the_peer_lives():
    session = trx()
    session.tick(60)
    session.receive_data(frame(0x05, 0, 7, DELIVER_BODY), 79)
    session.tick(80)
    assert session.state is State.BOUND_TRX


def test_half_a_pdu_shows_nothing():
    session = trx()
    session.tick(60)
    session.receive_data(frame(0x05, 0, 7, DELIVER_BODY)[:-1], 79)
    session.tick(80)
    assert session.state is State.CLOSED


def test_a_peer_that_knows_no_enquire_link_lives_all_the_same():
    session = trx()
    session.tick(60)
    session.receive_data(frame(0x80000000, 0x03, 2), 61)
    assert told(session) == [Alive(1)]
    session.tick(80)
    assert session.state is State.BOUND_TRX


def test_writing_is_no_sign_of_life():
    session = trx()
    session.submit(SUBMIT, 59)
    assert session.next_deadline() == 60


# --- leaving -------------------------------------------------------------------------


def test_we_leave_and_are_answered():
    session = trx()
    session.unbind(0, "restart")
    assert session.next_deadline() == 5
    session.receive_data(frame(0x80000006, 0, 2), 1)
    assert told(session)[-1] == Closed(Cause.UNBOUND, "restart")


def test_we_leave_and_are_not_answered():
    session = trx()
    session.unbind(0, "restart")
    session.tick(5)
    assert told(session)[-1] == Closed(Cause.UNBOUND, "restart")


def test_both_leave_at_once():
    session = trx()
    session.unbind(0, "restart")
    session.data_to_send()
    session.receive_data(frame(0x06, 0, 9), 1)
    assert session.data_to_send() == frame(0x80000006, 0, 9)
    assert told(session)[-1] == Closed(Cause.UNBOUND, "restart")


def test_answers_count_while_we_leave():
    session = trx()
    session.submit(SUBMIT, 0, "a")
    session.unbind(0)
    told(session)
    session.receive_data(frame(0x80000004, 0, 2, b"id\0"), 1)
    assert [type(event) for event in told(session)] == [Responded]


def test_the_peer_leaves():
    session = trx()
    session.receive_data(frame(0x06, 0, 9), 1)
    closed = told(session)[-1]
    assert closed.cause is Cause.UNBOUND_BY_PEER
    assert closed.reason == "unbound by the SMSC"


def test_an_idle_session_leaves_if_told_to():
    session = Session(TimerSettings(inactivity=100, enquire_link=1000))
    session.bind(credentials(), 0)
    session.receive_data(frame(0x80000009, 0, 1), 0)
    session.submit(SUBMIT, 50)
    session.receive_data(frame(0x80000004, 0, 2, b"id\0"), 60)
    assert session.next_deadline() == 150
    session.tick(150)
    assert session.state is State.UNBINDING
    session.receive_data(frame(0x80000006, 0, 3), 151)
    assert told(session)[-1] == Closed(Cause.INACTIVE, "")


# --- ends ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "length", [0, 15, 0x80000000, 0xFFFFFFFF], ids=lambda n: f"{n:#x}"
)
def test_only_a_length_that_cannot_be_ends_the_session(length):
    session = trx()
    session.receive_data(frame(0x15, 0, 7) + length.to_bytes(4, "big"), 0)
    sent = session.data_to_send()
    assert sent == frame(0x80000015, 0, 7) + frame(0x80000000, 0x02, 0)
    closed = told(session)[-1]
    assert closed.cause is Cause.GARBLED
    assert str(length) in closed.reason


def test_the_first_cause_stays():
    session = in_state(State.BINDING)
    session.receive_data(frame(0x80000009, 0x0E, 1), 0)
    session.receive_eof("reset")
    session.close("stopping")
    session.tick(1000)
    ends = [event for event in told(session) if isinstance(event, Closed)]
    assert [closed.cause for closed in ends] == [Cause.REFUSED]


def test_the_connection_breaks():
    session = trx()
    session.receive_eof("Connection reset by peer")
    assert told(session)[-1].reason == "connection lost: Connection reset by peer"


def test_malformed_pdus_cost_nothing_but_themselves():
    session = trx()
    session.receive_data(
        frame(0x05, 0, 6, b"no NUL")
        + frame(0x999, 0, 7)
        + frame(0x05, 0, 8, DELIVER_BODY),
        0,
    )
    assert session.data_to_send() == (
        frame(0x80000005, 0x02, 6) + frame(0x80000000, 0x03, 7)
    )
    assert isinstance(told(session)[-1], Received)


def test_what_the_peer_sent_is_not_in_what_is_told():
    session = trx()
    session.receive_data(frame(0x05, 0, 6, b"0\0\1\1380501234567"), 0)
    (odd,) = told(session)
    assert "deliver_sm" in odd.detail
    assert "380501234567" not in odd.detail


def test_pdus_are_counted():
    session = trx()
    session.submit(SUBMIT, 0)
    session.receive_data(
        frame(0x80000004, 0, 2, b"id\0")
        + frame(0x05, 0, 6, b"no NUL")
        + frame(0x15, 0, 7)
        + frame(0x999, 0, 8),
        0,
    )
    assert dict(session.sent) == {
        0x09: 1,
        0x04: 1,
        0x80000005: 1,
        0x80000015: 1,
        0x80000000: 1,
    }
    assert dict(session.received) == {
        0x80000009: 1,
        0x80000004: 1,
        0x05: 1,
        0x15: 1,
        0x999: 1,
    }


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_octets_break_it(chunks):
    """Whatever comes, it is answered or ends the session, and never raises."""
    session = trx()
    for second, chunk in enumerate(chunks):
        session.receive_data(chunk, second)
        session.data_to_send()
    ended = [event for event in told(session) if isinstance(event, Closed)]
    assert len(ended) == (session.state is State.CLOSED)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(COMMANDS),
            st.integers(0, 5),
            st.integers(0, 6),
            st.sampled_from([b"", b"\0", b"id\0", DELIVER_BODY, DATA_BODY, b"\xff"]),
        ),
        max_size=30,
    ),
    st.sampled_from(State),
)
def test_no_pdus_break_it(pdus, state):
    session = in_state(state)
    for number, (command_id, status, sequence, body) in enumerate(pdus):
        if session.state in SENDING:
            session.submit(SUBMIT, number)
        session.receive_data(frame(command_id, status, sequence, body), number)
    answered = [e for e in told(session) if isinstance(e, Responded)]
    numbers = [event.sequence for event in answered]
    assert len(numbers) == len(set(numbers))
