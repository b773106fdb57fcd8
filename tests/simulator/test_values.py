"""Durations, rates and statuses as people write them."""

import msgspec
import pytest

from esmed.simulator.values import Number, Rate, Seconds, Status, read


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("1.5", 1.5),
        (3, 3.0),
        ("30s", 30.0),
        ("5m", 300.0),
        ("24h", 86400.0),
        (" 2 d ", 172800.0),
    ],
)
def test_durations(text: object, seconds: float):
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize(
    ("text", "rate"), [("20/s", 20.0), ("90/m", 1.5), ("7200/h", 2.0), (5, 5.0)]
)
def test_rates(text: object, rate: float):
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(("text", "number"), [("0x1403", 0x1403), (" 12 ", 12), (0, 0)])
def test_numbers(text: object, number: int):
    assert Number.parse(text) == number


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ESME_RTHROTTLED", 0x58),
        ("rthrottled", 0x58),
        ("0x58", 0x58),
        ("1109", 0x455),
        (8, 8),
    ],
)
def test_statuses(text: object, status: int):
    assert Status.parse(text) == status


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Seconds, "soon"),
        (Seconds, "-1"),
        (Seconds, "5 weeks"),
        (Rate, "fast"),
        (Rate, "5/d"),
        (Number, "-1"),
        (Number, "0xyz"),
        (Number, 1 << 32),
        (Status, "ESME_RNONSENSE"),
        (Status, "0x100000000"),
        (Status, -1),
    ],
)
def test_nonsense(kind: type[Seconds | Rate | Number | Status], text: object):
    with pytest.raises(ValueError, match="is not a"):
        kind.parse(text)


class Strange(msgspec.Struct):
    when: complex


def test_other_types_are_not_for_reading():
    with pytest.raises(NotImplementedError):
        read({"when": "1j"}, Strange)
