"""What becomes of a message by its destination."""

import pytest

from esmed.simulator.outcomes import STANDARD, Outcomes, parse_rule, report
from pdu import CommandStatus, MessageState


def test_without_rules_everything_is_delivered():
    outcome = Outcomes().of(b"380501234501")
    assert [each.stat for each in outcome.reports] == ["DELIVRD"]
    assert outcome.status == 0


@pytest.mark.parametrize(
    ("end", "stats", "status"),
    [
        ("00", ["DELIVRD"], 0),
        ("01", ["UNDELIV"], 0),
        ("02", ["EXPIRED"], 0),
        ("03", ["REJECTD"], 0),
        ("04", ["ENROUTE", "DELIVRD"], 0),
        ("05", [], CommandStatus.ESME_RINVDSTADR),
        ("06", [], 0),
        ("07", ["DELIVRD"], CommandStatus.ESME_RMSGQFUL),
    ],
)
def test_the_standard_rules(end: str, stats: list[str], status: int):
    outcome = Outcomes(STANDARD).of(b"3805012345" + end.encode())
    assert [each.stat for each in outcome.reports] == stats
    assert outcome.status == status


def test_the_longest_suffix_wins():
    outcomes = Outcomes(("1=UNDELIV", "911=EXPIRED", "=REJECTD"))
    stats = [outcomes.of(to).reports[0].stat for to in (b"1", b"911", b"2", b"")]
    assert stats == ["UNDELIV", "EXPIRED", "REJECTD", "REJECTD"]


def test_err_and_state():
    _, outcome = parse_rule("9=enroute,UNDELIV:00B,DELIVRD,FAILED")
    assert [(each.stat, each.err, each.state) for each in outcome.reports] == [
        ("enroute", "000", MessageState.ENROUTE),
        ("UNDELIV", "00B", MessageState.UNDELIVERABLE),
        ("DELIVRD", "000", MessageState.DELIVERED),
        ("FAILED", "001", MessageState.UNDELIVERABLE),
    ]


def test_refused_for_ever():
    outcomes = Outcomes(("5=0x455",))
    outcome = outcomes.of(b"5")
    assert outcome.status == 0x455
    assert all(outcomes.refuses(outcome, b"5") for _ in range(10))


def test_refused_so_often_per_destination():
    outcomes = Outcomes(("7=RMSGQFUL*2",))
    outcome = outcomes.of(b"7")
    assert [each.stat for each in outcome.reports] == ["DELIVRD"]
    refused = [outcomes.refuses(outcome, to) for to in (b"7", b"7", b"17", b"7", b"7")]
    assert refused == [True, True, True, False, True]


def test_what_is_counted_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("esmed.simulator.suffixes._COUNTED", 2)
    outcomes = Outcomes(("=RMSGQFUL*1",))
    outcome = outcomes.of(b"")
    for to in (b"1", b"2", b"3"):
        assert outcomes.refuses(outcome, to)
    # 1 was forgotten, 3 not.
    assert outcomes.refuses(outcome, b"1")
    assert not outcomes.refuses(outcome, b"3")


def test_final_and_success():
    assert [
        (report(stat).final, report(stat).success)
        for stat in ("DELIVRD", "UNDELIV", "ENROUTE", "ACCEPTD")
    ] == [(True, True), (True, False), (False, False), (False, False)]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("01", "is not SUFFIX=STEP"),
        ("01=", "is no outcome"),
        ("01=DELIVERED", "is not a command_status"),
        ("01=DELIVRD UNDELIV", "is no outcome"),
    ],
)
def test_nonsense(rule: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        parse_rule(rule)
