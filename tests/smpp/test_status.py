"""esmed.smpp.status: the table of its docstring, row by row."""

import pytest

from esmed.models import Deferred, FaultClass, Rejected
from esmed.smpp.failover import Failure
from esmed.smpp.status import Statuses, describe
from pdu import CommandStatus

outcome = Statuses().outcome
bind_failure = Statuses().bind_failure

MESSAGE = (0x01, 0x0B, 0x61, 0x62, 0x65, 0x66, 0xFE, 0x104)
ACCOUNT = (0x0A, 0x0D, 0x0E, 0x0F, 0x15, 0x53, 0x100, 0x101, 0x103)
TEMPORARY = (0x04, 0x05, 0x08, 0x14, 0x45, 0x58, 0x64, 0xFF, 0x102)
PROTOCOL: tuple[int, ...] = (
    0x02,
    0x03,
    0x06,
    0x07,
    0x0C,
    0x33,
    0x34,
    0x40,
    0x42,
    0x43,
    0x44,
)
PROTOCOL += (0x48, 0x49, 0x50, 0x51, 0x54, 0x55, 0x63, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4)


@pytest.mark.parametrize("status", MESSAGE)
def test_the_message_can_never_go(status):
    assert outcome(status).fault.cls is FaultClass.MESSAGE
    assert isinstance(outcome(status), Rejected)


@pytest.mark.parametrize("status", ACCOUNT)
def test_the_account_may_not(status):
    assert outcome(status).fault.cls is FaultClass.ACCOUNT
    assert isinstance(outcome(status), Rejected)


@pytest.mark.parametrize("status", TEMPORARY)
def test_another_time_perhaps(status):
    assert outcome(status).fault.cls is FaultClass.TEMPORARY
    assert isinstance(outcome(status), Deferred)


@pytest.mark.parametrize("status", PROTOCOL)
def test_ours_is_wrong(status):
    assert outcome(status).fault.cls is FaultClass.PROTOCOL
    assert isinstance(outcome(status), Rejected)


@pytest.mark.parametrize("status", [0x400, 0x455, 0x4FF, 0x22, 0x0800, 0xFFFFFFFF])
def test_a_number_without_a_name_is_tried_again(status):
    found = outcome(status)
    assert isinstance(found, Deferred)
    assert found.fault.cls is FaultClass.TEMPORARY
    assert found.fault.code == status


@pytest.mark.parametrize("status", [s for s in CommandStatus if s])
def test_every_status_of_the_standard_has_an_outcome_that_names_it(status):
    fault = outcome(int(status)).fault
    assert fault.code == status
    assert type(fault.code) is int
    assert status.name in fault.detail


def test_the_words_are_the_standards():
    assert describe(0x58).startswith("ESME_RTHROTTLED: ")
    assert describe(0x455) == "0x00000455: SMSC vendor specific error"


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (0x0D, Failure.CREDENTIALS),
        (0x0E, Failure.CREDENTIALS),
        (0x0F, Failure.CREDENTIALS),
        (0x53, Failure.CREDENTIALS),
        (0x05, Failure.ALREADY_BOUND),
        (0x08, Failure.OTHER),
        (0x58, Failure.OTHER),
        (0x455, Failure.OTHER),
        (0x00, Failure.OTHER),
    ],
)
def test_refused_binds(status, failure):
    assert bind_failure(status) is failure


def test_only_a_full_queue_is_a_matter_of_the_destination():
    found = {each: outcome(int(each)) for each in CommandStatus if each}
    assert [
        each
        for each, meant in found.items()
        if isinstance(meant, Deferred) and meant.destination
    ] == [CommandStatus.ESME_RMSGQFUL]


def test_only_throttling_is_not_told():
    throttled = [s for s in CommandStatus if s and Statuses().action(s) == "throttle"]
    assert throttled == [CommandStatus.ESME_RTHROTTLED]


@pytest.mark.parametrize(
    ("action", "kind", "cls"),
    [
        ("throttle", Deferred, FaultClass.TEMPORARY),
        ("queue_full", Deferred, FaultClass.TEMPORARY),
        ("temporary", Deferred, FaultClass.TEMPORARY),
        ("message", Rejected, FaultClass.MESSAGE),
        ("account", Rejected, FaultClass.ACCOUNT),
        ("protocol", Rejected, FaultClass.PROTOCOL),
    ],
)
@pytest.mark.parametrize("status", [0x455, 0x58, 0x0B])
def test_what_a_carrier_says_its_numbers_mean(status, action, kind, cls):
    statuses = Statuses({status: action})
    found = statuses.outcome(status)
    assert statuses.action(status) == action
    assert (type(found), found.fault.cls, found.fault.code) == (kind, cls, status)
    assert found.fault.detail == describe(status)
    if isinstance(found, Deferred):
        assert found.destination is (action == "queue_full")
    # The others mean what they always do.
    assert statuses.outcome(0x0A) == outcome(0x0A)


def test_of_a_bind_only_account_says_something():
    statuses = Statuses({0x455: "account", 0x0E: "temporary", 0x05: "message"})
    assert statuses.bind_failure(0x455) is Failure.CREDENTIALS
    assert statuses.bind_failure(0x0E) is Failure.OTHER
    assert statuses.bind_failure(0x05) is Failure.OTHER
    assert statuses.bind_failure(0x0D) is Failure.CREDENTIALS
