"""`esmed.hookqueue`: whose turn it is, and what stays out of the window."""

import pytest

from esmed.hookqueue import SUPPLY, URLS, Flight, HookQueue
from esmed.store.base import OutboxItem

T = 1_767_225_600_000
A, B, C = "http://a.example/", "http://b.example/", "http://c.example/"


def item(seq: int, url: str | None = A) -> OutboxItem:
    return OutboxItem(
        seq=seq,
        id=f"id-{seq}",
        stream=f"stream-{seq}",
        type="message.delivered",
        url=url,
        body=b"{}",
        begun_at=T,
        due_at=T,
        tries=0,
    )


def items(start: int, count: int, url: str | None = A) -> list[OutboxItem]:
    return [item(seq, url) for seq in range(start, start + count)]


def take(queue: HookQueue) -> Flight:
    flight = queue.take(T)
    assert flight is not None
    return flight


def take_all(queue: HookQueue, now: int = T) -> list[Flight]:
    flights = []
    while flight := queue.take(now):
        flights.append(flight)
    return flights


def fail(queue: HookQueue, flight: Flight, now: int = T) -> bool:
    return queue.failed(flight, now, news=True, jitter=0.0)


def prove(queue: HookQueue, *urls: str | None) -> None:
    """Have URLs earn all that there is."""
    for number, url in enumerate(urls):
        for seq in range(8):
            queue.add([item(-100 * number - seq - 1, url)])
            flight = take(queue)
            assert flight.item.url == url
            queue.succeeded(flight)
    queue.stored(range(-1000, 0))


def test_order_within_a_url_is_that_of_the_outbox() -> None:
    queue = HookQueue(8)
    prove(queue, A)

    queue.add(items(1, 3))

    assert [flight.item.seq for flight in take_all(queue)] == [1, 2, 3]


def test_an_event_is_in_the_window_once_until_it_is_stored() -> None:
    queue = HookQueue(8)

    assert queue.add(items(1, 2)) == 2
    assert queue.add(items(1, 3)) == 1
    queue.succeeded(take(queue))
    assert queue.add(items(1, 3)) == 0
    assert (queue.busy, queue.waiting) == (3, 2)

    queue.stored([1])
    assert (queue.busy, queue.waiting) == (2, 2)
    assert queue.add(items(1, 3)) == 1


def test_an_unknown_url_gets_one_connection() -> None:
    queue = HookQueue(8)
    queue.add(items(1, 9))

    (flight,) = take_all(queue)
    queue.succeeded(flight)

    assert len(take_all(queue)) == 2


def test_a_proven_url_gets_all_of_them() -> None:
    queue = HookQueue(8)
    prove(queue, A)
    queue.add(items(1, 20))

    assert len(take_all(queue)) == 8


def test_urls_take_turns() -> None:
    queue = HookQueue(6)
    prove(queue, A, B)
    queue.add(items(1, 10, A) + items(11, 10, B))

    assert [flight.item.url for flight in take_all(queue)] == [A, B, A, B, A, B]


def test_unproven_urls_share_half_of_the_connections() -> None:
    queue = HookQueue(4)
    prove(queue, C)
    queue.add([item(seq, f"http://{seq}.example/") for seq in range(1, 9)])
    queue.add(items(11, 9, C))

    urls = [flight.item.url for flight in take_all(queue)]

    assert urls == ["http://1.example/", "http://2.example/", C, C]


def test_a_single_connection_serves_the_unproven_too() -> None:
    queue = HookQueue(1)
    queue.add(items(1, 2))

    (flight,) = take_all(queue)
    queue.succeeded(flight)

    assert len(take_all(queue)) == 1


def test_at_rest_what_waits_is_forgotten() -> None:
    queue = HookQueue(8)
    prove(queue, A)
    queue.add(items(1, 20))
    flights = take_all(queue)

    assert [fail(queue, flight) for flight in flights[:3]] == [False, False, True]

    assert queue.waiting == 0
    assert queue.busy == 8
    assert queue.skip(T) == [A]
    assert queue.take(T) is None


def test_after_the_rest_there_is_one_probe() -> None:
    queue = HookQueue(8)
    for seq in range(1, 4):
        queue.add([item(seq)])
        fail(queue, take(queue))
    later = T + 5000

    assert queue.skip(later) == []
    queue.add(items(11, 20))
    (probe,) = take_all(queue, later)
    assert queue.skip(later) == [A]

    assert not fail(queue, probe, later)
    assert queue.waiting == 0
    assert queue.take(later + 9999) is None
    queue.add(items(21, 20))
    (probe,) = take_all(queue, later + 10_000)
    assert queue.succeeded(probe)
    assert len(take_all(queue, later + 10_000)) == 2


def test_well_supplied_urls_are_left_out_of_the_next_page() -> None:
    queue = HookQueue(8)
    prove(queue, A)
    queue.add([*items(1, SUPPLY - 1, A), item(SUPPLY, B)])

    assert queue.skip(T) == [B]
    queue.add([item(SUPPLY + 1, A)])
    assert queue.skip(T) == [A, B]


class TestEnough:
    def test_nothing_is_not(self) -> None:
        assert not HookQueue(2).has_enough(T)

    def test_what_can_start_is(self) -> None:
        queue = HookQueue(2)
        queue.add(items(1, SUPPLY - 1))
        assert not queue.has_enough(T)

        queue.add(items(SUPPLY, 1))
        assert queue.has_enough(T)

    def test_what_must_wait_is_not(self) -> None:
        queue = HookQueue(2)
        queue.add(items(1, SUPPLY + 1))
        take(queue)

        assert not queue.has_enough(T)

    def test_all_connections_taken_and_more_waiting_is(self) -> None:
        queue = HookQueue(2)
        prove(queue, A)
        queue.add(items(1, SUPPLY + 1))
        take_all(queue)
        assert not queue.has_enough(T)

        queue.add(items(SUPPLY + 2, 1))
        assert queue.has_enough(T)


def test_reserved_events_stay_out() -> None:
    queue = HookQueue(8)
    queue.add([item(1)])

    assert [each.seq for each in queue.reserve(items(1, 3))] == [2, 3]

    assert queue.add(items(1, 4)) == 1
    queue.stored([2])
    assert queue.add(items(1, 4)) == 1


def test_others() -> None:
    queue = HookQueue(8)
    queue.add([item(1, A), item(2, None), item(3, B)])

    assert queue.others(None) == [A, B]
    assert queue.others("http://unknown.example/") == [A, None, B]


def unknown(number: int) -> str:
    return f"http://{number}.example/"


def test_of_too_many_urls_those_that_are_well_are_forgotten() -> None:
    queue = HookQueue(8)
    for number in range(URLS):
        queue.add([item(number, unknown(number))])
        flight = take(queue)
        if number == 5:
            fail(queue, flight)
        else:
            queue.succeeded(flight)

    queue.add([item(URLS, A)])

    assert queue.others(None) == [unknown(5), A]


@pytest.mark.parametrize("kept", [0, 1])
def test_of_too_many_failing_urls_the_oldest_is(kept: int) -> None:
    queue = HookQueue(8)
    queue.add([item(-seq, unknown(seq)) for seq in range(kept)])
    for number in range(kept, URLS):
        queue.add([item(number, unknown(number))])
        flight = next(flight for flight in take_all(queue) if flight.item.seq == number)
        fail(queue, flight)

    queue.add([item(URLS, A)])

    known = queue.others(None)
    assert unknown(kept) not in known
    assert len(known) == URLS
    assert known[-1] == A


def test_with_everything_under_way_there_is_room_nevertheless() -> None:
    queue = HookQueue(8)
    queue.add([item(number, unknown(number)) for number in range(URLS + 1)])

    assert len(queue.others(None)) == URLS + 1
