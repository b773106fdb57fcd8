import pytest

from esmed.progress import Progress, Tally, duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (6.6, "0:07"), (754, "12:34"), (3723, "1:02:03"), (59.7, "1:00")],
)
def test_duration(seconds: float, shown: str):
    assert duration(seconds) == shown


def test_half_way():
    progress = Progress(2000, 100.0)
    tally = Tally(rows=1500, octets=1000, accepted=1400, refused=100)
    assert progress.line(tally, 110.0, 120) == (
        "[############............]   50%  1,400 accepted  100 refused  150/s  ETA 0:10"
    )


def test_a_narrow_terminal_has_no_bar_and_no_second_line():
    tally = Tally(octets=1000, accepted=12_345)
    line = Progress(2000, 0.0).line(tally, 1.0, 30)
    assert line == " 50%  12,345 accepted  12,345"


def test_nobody_knows_how_much_there_is():
    line = Progress(None, 0.0).line(Tally(octets=1000, accepted=10), 0.0, 120)
    assert line == "10 accepted  10,000/s"


def test_an_empty_file_and_one_that_grew():
    assert Progress(0, 0.0).line(Tally(), 1.0, 120) == "0 accepted  0/s"
    assert "100%" in Progress(10, 0.0).line(Tally(octets=20), 1.0, 120)


def test_what_holds_it_up():
    tally = Tally(octets=5, note="waits: too many messages wait")
    line = Progress(10, 0.0).line(tally, 1.0, 120)
    assert line.endswith("waits: too many messages wait")
    assert "ETA" not in line
