"""esmed.smpp.failover."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.smpp.failover import Backoff, Failover, Failure

# --- pauses --------------------------------------------------------------------------


def test_pauses_grow_from_min_to_max():
    backoff = Backoff(1, 60)
    shortest = [backoff.pause(Failure.OTHER, 0, 0.0) for _ in range(8)]
    assert shortest == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_longest_of_each_pause_is_twice_as_long_but_not_above_max():
    backoff = Backoff(1, 60)
    longest = [backoff.pause(Failure.OTHER, 0, 1.0) for _ in range(8)]
    assert longest == [2, 4, 8, 16, 32, 60, 60, 60]


@given(
    minimum=st.floats(0.001, 100),
    factor=st.floats(1, 1000),
    randoms=st.lists(st.floats(0, 1), max_size=100),
)
def test_every_pause_is_between_min_and_max(minimum, factor, randoms):
    backoff = Backoff(minimum, minimum * factor)
    for random in randoms:
        pause = backoff.pause(Failure.OTHER, 0, random)
        assert minimum <= pause <= minimum * factor * (1 + 1e-9)


def test_a_bind_that_lasted_begins_anew():
    backoff = Backoff(1, 60)
    for _ in range(8):
        backoff.pause(Failure.OTHER, 0, 0.5)
    assert backoff.pause(Failure.OTHER, 60, 0.0) == 1


def test_a_bind_that_did_not_last_does_not():
    """An SMSC that accepts and closes at once is not asked every second."""
    backoff = Backoff(1, 60)
    for _ in range(8):
        pause = backoff.pause(Failure.OTHER, 59, 0.0)
    assert pause == 30


@pytest.mark.parametrize("random", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("tries", [1, 2, 20])
def test_wrong_credentials_wait_a_minute_at_least(random, tries):
    backoff = Backoff(1, 10)
    for _ in range(tries):
        pause = backoff.pause(Failure.CREDENTIALS, 0, random)
    assert 60 <= pause <= 75


def test_wrong_credentials_wait_longer_if_the_maximum_is():
    backoff = Backoff(1, 600)
    for _ in range(20):
        pause = backoff.pause(Failure.CREDENTIALS, 0, 0.0)
    assert pause == 300


def test_wrong_credentials_are_spread():
    backoff = Backoff(1, 10)
    pauses = {backoff.pause(Failure.CREDENTIALS, 0, n / 10) for n in range(11)}
    assert len(pauses) == 11


def test_already_bound_waits_seconds_not_a_minute():
    backoff = Backoff(0.1, 60)
    assert 5 <= backoff.pause(Failure.ALREADY_BOUND, 0, 0.0) < 10
    for _ in range(20):
        pause = backoff.pause(Failure.ALREADY_BOUND, 0, 0.0)
    assert pause == 30


def test_one_pause_for_all_if_min_is_max():
    backoff = Backoff(7, 7)
    assert [backoff.pause(Failure.OTHER, 0, n / 3) for n in range(4)] == [7] * 4


# --- which host ----------------------------------------------------------------------


def failover(count: int = 2, standby: str = "hot", after: float = 60) -> Failover:
    return Failover(count, standby, after)  # type: ignore[arg-type]


def test_nobody_is_bound():
    hosts = failover()
    assert hosts.active(0) is None
    assert hosts.next_deadline() is None


def test_the_first_in_order_is_active():
    hosts = failover(3)
    hosts.bound(2, 0)
    hosts.bound(1, 0)
    assert hosts.active(0) == 1


def test_a_backup_that_was_quicker_at_start_yields_at_once():
    hosts = failover()
    hosts.bound(1, 0)
    assert hosts.active(0) == 1
    hosts.bound(0, 1)
    assert hosts.active(1) == 0


def test_loss_moves_to_the_backup_at_once():
    hosts = failover()
    hosts.bound(0, 0)
    hosts.bound(1, 0)
    assert hosts.active(0) == 0
    hosts.lost(0)
    assert hosts.active(1) == 1


def test_the_primary_gets_traffic_back_when_it_has_been_well():
    hosts = failover()
    hosts.bound(0, 0)
    hosts.bound(1, 0)
    hosts.active(0)
    hosts.lost(0)
    assert hosts.active(10) == 1
    hosts.bound(0, 20)
    assert hosts.active(20) == 1
    assert hosts.next_deadline() == 80
    assert hosts.active(79) == 1
    assert hosts.active(80) == 0
    assert hosts.next_deadline() is None


def test_a_flapping_primary_waits_each_time():
    hosts = failover()
    hosts.lost(0)
    hosts.bound(1, 0)
    hosts.active(0)
    hosts.bound(0, 10)
    hosts.lost(0)
    hosts.bound(0, 50)
    assert hosts.active(70) == 1
    assert hosts.active(110) == 0


def test_if_the_backup_fails_the_primary_need_not_wait():
    hosts = failover()
    hosts.lost(0)
    hosts.bound(1, 0)
    hosts.active(0)
    hosts.bound(0, 10)
    hosts.lost(1)
    assert hosts.active(11) == 0


def test_leaving_by_our_own_wish_is_no_failure():
    hosts = failover()
    hosts.bound(0, 0)
    hosts.bound(1, 0)
    hosts.active(0)
    hosts.left(0)
    assert hosts.active(1) == 1
    hosts.bound(0, 2)
    assert hosts.active(2) == 0


def test_a_lower_host_that_is_not_bound_has_no_deadline():
    hosts = failover(3)
    hosts.lost(0)
    hosts.lost(1)
    hosts.bound(2, 0)
    assert hosts.active(0) == 2
    assert hosts.next_deadline() is None
    hosts.bound(1, 5)
    assert hosts.next_deadline() == 65


def test_hot_standby_wants_all():
    assert failover(3).wanted() == {0, 1, 2}


def test_cold_standby_wants_the_primary_alone():
    hosts = failover(3, "cold")
    assert hosts.wanted() == {0}
    hosts.bound(0, 0)
    hosts.active(0)
    assert hosts.wanted() == {0}


def test_cold_standby_goes_down_the_list_as_hosts_fail():
    hosts = failover(3, "cold")
    hosts.lost(0)
    assert hosts.wanted() == {0, 1}
    hosts.lost(1)
    assert hosts.wanted() == {0, 1, 2}
    hosts.lost(2)
    assert hosts.wanted() == {0, 1, 2}


def test_cold_standby_keeps_the_backup_until_traffic_has_returned():
    hosts = failover(2, "cold", after=60)
    hosts.lost(0)
    hosts.bound(1, 0)
    hosts.active(0)
    hosts.bound(0, 10)
    assert hosts.active(10) == 1
    assert hosts.wanted() == {0, 1}
    assert hosts.active(70) == 0
    assert hosts.wanted() == {0}
