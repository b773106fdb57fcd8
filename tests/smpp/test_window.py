"""esmed.smpp.window."""

from hypothesis import given
from hypothesis import strategies as st

from esmed.smpp import window as module
from esmed.smpp.window import LAST_SEQUENCE, Pending, Window

SUBMIT, SUBMIT_RESP = 0x00000004, 0x80000004
QUERY_RESP, NACK = 0x80000003, 0x80000000
ENQUIRE, ENQUIRE_RESP = 0x00000015, 0x80000015


def test_numbers_begin_at_one_and_count_on():
    window = Window(30)
    assert [window.register(SUBMIT, name, 0) for name in "abc"] == [1, 2, 3]
    assert len(window) == 3


def test_an_answer_takes_its_request_out_whatever_the_order():
    window = Window(30)
    for name in "abc":
        window.register(SUBMIT, name, 7)
    assert window.answer(2, SUBMIT_RESP) == Pending(SUBMIT_RESP, "b", 7)
    assert window.answer(3, SUBMIT_RESP) == Pending(SUBMIT_RESP, "c", 7)
    assert len(window) == 1


def test_a_second_answer_finds_nothing():
    window = Window(30)
    window.register(SUBMIT, None, 0)
    window.answer(1, SUBMIT_RESP)
    assert window.answer(1, SUBMIT_RESP) is None


def test_the_wrong_response_answers_nothing():
    window = Window(30)
    window.register(SUBMIT, None, 0)
    assert window.answer(1, QUERY_RESP) is None
    assert len(window) == 1


def test_a_generic_nack_answers_anything():
    window = Window(30)
    window.register(SUBMIT, "a", 0)
    pending = window.answer(1, NACK)
    assert pending is not None
    assert pending.context == "a"


def test_sequence_numbers_wrap_at_0x7fffffff():
    window = Window(30, first=LAST_SEQUENCE - 1)
    numbers = [window.register(SUBMIT, None, 0) for _ in range(4)]
    assert numbers == [0x7FFFFFFE, 0x7FFFFFFF, 1, 2]


def test_wrapping_skips_what_is_in_flight_expired_or_reserved():
    window = Window(30, first=1)
    window.register(SUBMIT, "expires", 0)
    window.expire(30)
    window.register(SUBMIT, "waits", 30)
    window.reserve(ENQUIRE, 30)
    window._last = LAST_SEQUENCE  # two thousand million requests later
    assert window.register(SUBMIT, None, 31) == 4


def test_requests_expire_oldest_first():
    window = Window(30)
    window.register(SUBMIT, "a", 0)
    window.register(SUBMIT, "b", 10)
    assert window.next_deadline() == 30
    assert window.expire(29) == []
    assert [(n, p.context) for n, p in window.expire(30)] == [(1, "a")]
    assert window.next_deadline() == 40
    assert len(window) == 1


def test_without_requests_there_is_no_deadline():
    window = Window(30)
    window.reserve(ENQUIRE, 0)
    assert window.next_deadline() is None
    assert window.expire(1_000_000) == []


def test_the_deadline_is_when_it_expires_for_every_float():
    """Else a timer at the deadline would find nothing to do, for ever."""
    for sent_at in (0.1, 1 / 3, 1795303741.012 / 7, 86_399.999999):
        window = Window(0.1)
        window.register(SUBMIT, None, sent_at)
        deadline = window.next_deadline()
        assert deadline is not None
        assert len(window.expire(deadline)) == 1


def test_a_late_answer_is_known_once():
    window = Window(30)
    window.register(SUBMIT, "a", 0)
    window.expire(30)
    assert window.answer(1, SUBMIT_RESP) is None
    assert window.answer_late(1, QUERY_RESP) is None
    late = window.answer_late(1, SUBMIT_RESP)
    assert late == Pending(SUBMIT_RESP, "a", 0)
    assert window.answer_late(1, SUBMIT_RESP) is None


def test_a_generic_nack_may_be_late_too():
    window = Window(30)
    window.register(SUBMIT, "a", 0)
    window.expire(30)
    assert window.answer_late(1, NACK) is not None


def test_memory_of_the_expired_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "EXPIRED_KEPT", 3)
    window = Window(30)
    for _ in range(5):
        window.register(SUBMIT, None, 0)
    window.expire(30)
    assert window.answer_late(2, SUBMIT_RESP) is None
    assert window.answer_late(3, SUBMIT_RESP) is not None


def test_issued_numbers_are_told_from_those_never_given():
    window = Window(30)
    assert not window.was_issued(1)
    window.register(SUBMIT, None, 0)
    window.reserve(ENQUIRE, 0)
    assert window.was_issued(1)
    assert window.was_issued(2)
    assert not window.was_issued(3)
    assert not window.was_issued(LAST_SEQUENCE)


def test_issued_numbers_are_known_across_the_wrap():
    window = Window(30, first=LAST_SEQUENCE)
    window.register(SUBMIT, None, 0)
    window.register(SUBMIT, None, 0)
    assert window.was_issued(LAST_SEQUENCE)
    assert window.was_issued(1)
    assert not window.was_issued(2)


def test_own_requests_are_answered_apart():
    window = Window(30)
    number = window.reserve(ENQUIRE, 5)
    assert len(window) == 0
    assert window.answer(number, ENQUIRE_RESP) is None
    assert window.answer_reserved(number, SUBMIT_RESP) is None
    assert window.answer_reserved(number, ENQUIRE_RESP) == Pending(
        ENQUIRE_RESP, None, 5
    )
    assert window.answer_reserved(number, ENQUIRE_RESP) is None


def test_lost_are_all_unanswered_once():
    window = Window(30)
    for name in "abc":
        window.register(SUBMIT, name, 0)
    window.answer(2, SUBMIT_RESP)
    assert [(n, p.context) for n, p in window.lost()] == [(1, "a"), (3, "c")]
    assert window.lost() == []


@given(
    st.lists(
        st.one_of(
            st.just("send"),
            st.tuples(st.just("answer"), st.integers(1, 30)),
            st.tuples(st.just("pass"), st.integers(1, 20)),
        ),
        max_size=60,
    )
)
def test_every_request_ends_exactly_once(steps):
    window = Window(30)
    now = 0
    sent: set[int] = set()
    ended: list[int] = []
    for step in steps:
        match step:
            case "send":
                sent.add(window.register(SUBMIT, None, now))
            case ("answer", number) if window.answer(number, SUBMIT_RESP):
                ended.append(number)
            case ("pass", seconds):
                now += seconds
                ended += [number for number, _ in window.expire(now)]
            case _:
                pass  # an answer to nothing
    ended += [number for number, _ in window.lost()]
    assert sorted(ended) == sorted(sent)
