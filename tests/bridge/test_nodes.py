"""Which node is sent to, when it is probed, and which messages share a request."""

from collections.abc import Hashable
from itertools import chain

import pytest
from fakes.provider import Letters
from fakes.providerrig import FREE, Rig
from hypothesis import given
from hypothesis import strategies as st

from esmed.bridge import batches, nodes, registry
from esmed.bridge.base import Outgoing
from esmed.bridge.batches import Item
from esmed.bridge.nodes import Node
from esmed.smpp.config import Config as SmppConfig

# --- nodes ---------------------------------------------------------------------------


def test_the_first_is_the_primary() -> None:
    first, second, third = nodes.of(["a", "b", "c"], 5)
    assert [first.role, second.role, third.role] == ["primary", "backup", "backup"]
    assert (first.works, first.reason, first.since) == (False, "not tried yet", 5)


def test_what_is_news() -> None:
    node = Node("a", "primary", 0)
    assert node.failed("refused", 1)  # that it has been tried
    assert not node.failed("refused", 2)
    assert node.failed("no answer", 3)
    assert node.since == 0
    assert node.worked(4)
    assert not node.worked(5)
    assert (node.reason, node.since) == ("", 4)
    assert node.failed("refused", 6)
    assert node.since == 6


def test_three_in_a_row_without_an_answer() -> None:
    node = Node("a", "primary", 0)
    node.worked(0)
    assert not node.unanswered("x", 1)
    assert not node.unanswered("x", 1)
    node.answered()
    assert not node.unanswered("x", 1)
    assert not node.unanswered("x", 1)
    assert node.works
    assert node.unanswered("x", 2)
    assert not node.works


def test_only_what_it_is_there_for_makes_up_for_nonsense() -> None:
    node = Node("a", "primary", 0)
    node.worked(0)
    assert [node.unread("x", 1) for _ in range(3)] == [False, False, True]
    node.worked(2)
    node.answered()
    assert node.unread("x", 3)
    node.worked(4)
    node.served()
    assert not node.unread("x", 5)


def test_pauses_grow_until_it_serves_again() -> None:
    node = Node("a", "primary", 0)

    def pauses(count: int, *, account: bool = False) -> list[float]:
        return [node.pause(account=account, jitter=0.0) for _ in range(count)]

    assert pauses(8) == [1, 2, 4, 8, 16, 32, 60, 60]
    node.worked(1)  # a probe is not what it is there for
    assert pauses(1) == [60]
    node.served()
    assert pauses(2) == [1, 2]
    assert pauses(1, account=True) == [60]


@given(st.integers(0, 5000), st.floats(0, 1, exclude_max=True), st.booleans())
def test_any_pause(failures: int, jitter: float, account: bool) -> None:
    node = Node("a", "primary", 0)
    node._failures = failures
    shortest = nodes.ACCOUNT if account else nodes.SHORTEST
    assert shortest * 0.75 <= node.pause(account=account, jitter=jitter) <= 60


# --- batches -------------------------------------------------------------------------


class Sorted(Letters):
    """By text; two to one number are apart."""

    def group(self, message: Outgoing) -> Hashable:
        return message.request.text

    def apart(self, message: Outgoing) -> Hashable | None:
        return message.to or None


RIG = Rig(FREE, provider=Sorted())
ROWS = st.lists(
    st.tuples(st.sampled_from(["", "1", "2", "3"]), st.sampled_from("ab")), max_size=40
)


@given(ROWS, st.integers(1, 7))
def test_any_queue(rows: list[tuple[str, str]], most: int) -> None:
    jobs = [job for to, text in rows for job in RIG.jobs(to, text=text)]
    submission = RIG.connector._submission
    items = [Item(job, submission._outgoing(job), 1) for job in jobs]
    found = batches.gather(submission._sorted(items), most)
    assert sorted(map(id, chain(*found))) == sorted(map(id, items))
    for batch in found:
        assert 1 <= len(batch) <= most
        assert len({one.message.request.text for one in batch}) == 1
        numbers = [one.message.to for one in batch if one.message.to]
        assert len(set(numbers)) == len(numbers)
    for to in "123":
        for text in "ab":
            # To one number they leave in their order.
            queued = [
                i for i, row in zip(items, rows, strict=True) if row == (to, text)
            ]
            sent = [i for batch in found for i in batch if i in queued]
            assert sent == queued


def test_halves() -> None:
    assert batches.halves([1, 2, 3]) == [[1], [2, 3]]  # type: ignore[list-item, comparison-overlap]


# --- kinds ---------------------------------------------------------------------------


def test_every_kind_there_is() -> None:
    kinds = registry.Kinds()
    assert next(iter(kinds)) == "smpp"
    assert len(kinds) == len(list(kinds)) == 1 + len(registry.provider_kinds())
    assert kinds["smpp"] is SmppConfig
    for name in registry.provider_kinds():
        assert "_" not in name
        assert kinds[name].__dataclass_fields__["kind"].default == name


@pytest.mark.parametrize(
    "name", ["", "nosuch", "_smstraffic", "smstraffic_xml", "SMSC", "../config", "base"]
)
def test_a_kind_that_is_none(name: str) -> None:
    assert name not in registry.Kinds()
    with pytest.raises(KeyError):
        registry.Kinds()[name]
