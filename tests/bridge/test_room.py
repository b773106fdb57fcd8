"""esmed.bridge.room: times are whole seconds, passed in."""

from typing import Any

from fakes.provider import Config

from esmed.bridge.room import LINGER, Room
from esmed.models import Priority

NORMAL = Priority.NORMAL


def room(batch: int = 10, **keys: Any) -> Room:
    config = Config(base_urls=("http://a",), **{"concurrency": 2, **keys})
    return Room(config, batch, 0.0)


def test_as_many_messages_as_all_requests_hold() -> None:
    one = room()
    assert (one.window, one.free, one.capacity(0.0)) == (20, 2, 20)
    one.take([NORMAL] * 10, 0.0)
    one.requests = 1
    assert one.capacity(0.0) == 10
    one.waiting = 1
    assert (one.capacity(0.0), one.limit(0.0)) == (0, "window")


def test_what_is_not_on_disk_keeps_its_place() -> None:
    one = room(batch=1)
    one.take([NORMAL, NORMAL], 0.0)
    assert (one.free, one.capacity(0.0)) == (2, 0)
    one.used -= 1
    assert one.capacity(0.0) == 1


def test_what_is_looked_into_needs_no_request_up_to_a_bound() -> None:
    one = room(batch=1)
    one.take([NORMAL, NORMAL], 0.0)
    one.requests = 2
    assert one.capacity(0.0) == 0
    one.look(1)
    one.look(1)
    assert (one.free, one.capacity(0.0)) == (2, 2)
    one.take([NORMAL, NORMAL], 0.0)
    one.requests = 4
    one.look(1)
    assert (one.free, one.capacity(0.0)) == (0, 0)
    for _ in range(3):
        one.look(-1)
    one.requests, one.used = 0, 0
    assert (one.free, one.capacity(0.0)) == (2, 2)


def test_a_pause_is_the_longest_of_those_wished() -> None:
    one = room()
    one.hush(5.0, "busy")
    one.hush(3.0, "less so")
    assert (one.capacity(4.9), one.limit(4.9), one.next_at(4.9)) == (0, "throttle", 5.0)
    assert one.quiet_reason == "busy"
    assert (one.limit(5.0), one.next_at(5.0)) == (None, None)


def test_a_rate_lets_a_quarter_of_a_second_pile_up() -> None:
    one = room(rate=40.0)
    assert one.capacity(0.0) == 10
    one.take([NORMAL] * 10, 0.0)
    one.used = 0
    assert (one.capacity(0.0), one.limit(0.0)) == (0, "rate")
    assert one.next_at(0.0) == LINGER
    assert one.capacity(0.2) == 8


def test_a_reload_does_not_fill_the_bucket_anew() -> None:
    one = room(rate=4.0)
    one.take([NORMAL], 0.0)
    one.configure(Config(base_urls=("http://a",), rate=4.0), 10, 0.0)
    assert one.capacity(0.0) == 0
    one.configure(Config(base_urls=("http://a",)), 10, 0.0)
    assert one.limit(0.0) is None


def test_the_priorities_have_their_shares() -> None:
    one = room()
    assert list(one.portions(10, [100, 100, 100])) == [7, 2, 1]
    one.take([Priority.HIGH] * 7 + [NORMAL] * 2 + [Priority.BULK], 0.0)
    assert list(one.portions(10, [0, 5, 100])) == [0, 5, 5]
