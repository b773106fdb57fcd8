"""esmed.smpp.congestion."""

from esmed.smpp.congestion import MANY, SECONDS, Congestion


def hit(congestion: Congestion, count: int, since: float, step: float = 0.1) -> bool:
    """So many numbers, one after the other: what is said of the last."""
    found = False
    for number in range(count):
        found = congestion.full(f"{since}/{number}", since + number * step)
    return found


def test_one_phone_is_one_phone():
    congestion = Congestion()
    assert not any(congestion.full("1", now) for now in range(100))


def test_many_are_the_smsc():
    congestion = Congestion()
    assert not hit(congestion, MANY - 1, 0)
    assert congestion.full("x", 1)


def test_not_over_a_longer_time():
    assert not hit(Congestion(), 100, 0, step=SECONDS / (MANY - 1) + 0.1)


def test_not_among_more_that_are_taken():
    congestion = Congestion()
    for number in range(100):
        assert not congestion.full(str(number), number / 100)
        congestion.other(number / 100)
        congestion.other(number / 100)


def test_what_was_taken_before_the_first_is_not_remembered():
    congestion = Congestion()
    for _ in range(1000):
        congestion.other(0)
    assert hit(congestion, MANY, 0)


def test_it_lasts_until_something_is_taken():
    congestion = Congestion()
    assert hit(congestion, MANY, 0)
    assert congestion.full("x", 1000)
    congestion.clear()
    assert not congestion.full("x", 1001)
    assert hit(congestion, MANY - 1, 1002)
