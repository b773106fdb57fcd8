"""`esmed.custody`: what has happened to messages since they were read."""

from fakes.records import DAY, T0, request

from esmed.custody import Custody
from esmed.models import Queued


def queued(seq: int) -> Queued:
    return Queued(
        seq=seq,
        id=f"message-{seq}",
        request=request(),
        via=("carrier",),
        due_at=T0,
        expires_at=T0 + DAY,
    )


def test_messages_come_and_go() -> None:
    custody = Custody()
    custody.take([1, 2])
    assert 1 in custody
    custody.drop(1)
    custody.drop(3)
    assert [seq for seq in range(4) if seq in custody] == [2]
    assert custody.may_go(queued(2))


class TestLateAnswers:
    def test_one_is_remembered_until_it_is_stored(self) -> None:
        custody = Custody()
        custody.late(1, 2)
        assert custody.taken_late(1) == {2}
        custody.late_stored(1)
        assert custody.taken_late(1) == set()

    def test_and_while_an_older_copy_is_in_memory(self) -> None:
        custody = Custody()
        custody.take([1])
        custody.late(1, 2)
        custody.late_stored(1)
        assert custody.taken_late(1) == {2}
        custody.drop(1)
        assert custody.taken_late(1) == set()

    def test_letting_go_of_the_copy_does_not_forget_what_is_not_stored(self) -> None:
        custody = Custody()
        custody.take([1])
        custody.late(1, 1)
        custody.late(1, None)
        custody.drop(1)
        custody.late_stored(1)
        assert custody.taken_late(1) == {1}
        custody.late_stored(1)
        assert custody.taken_late(1) == set()

    def test_a_refusal_takes_no_part(self) -> None:
        custody = Custody()
        custody.late(1, None)
        assert custody.taken_late(1) == set()


class TestCancelling:
    def test_what_is_in_the_queue_is_not_sent_any_more(self) -> None:
        custody = Custody()
        custody.take([1])
        assert custody.withdraw(1)
        assert custody.withdrawn(1, cancelled=True) is None
        assert 1 in custody
        assert not custody.may_go(queued(1))
        assert 1 not in custody

    def test_its_turn_comes_while_it_is_decided(self) -> None:
        custody = Custody()
        custody.take([1])
        custody.withdraw(1)
        assert not custody.may_go(queued(1))
        assert custody.withdrawn(1, cancelled=True) is None
        assert 1 not in custody

    def test_and_it_has_to_go_on(self) -> None:
        custody = Custody()
        custody.take([1])
        custody.withdraw(1)
        assert not custody.may_go(queued(1))
        assert custody.withdrawn(1, cancelled=False) == queued(1)
        assert 1 in custody
        assert custody.may_go(queued(1))

    def test_it_stays_in_the_queue_if_it_cannot_be(self) -> None:
        custody = Custody()
        custody.take([1])
        custody.withdraw(1)
        assert custody.withdrawn(1, cancelled=False) is None
        assert custody.may_go(queued(1))

    def test_what_is_on_disk_alone_needs_no_memory(self) -> None:
        custody = Custody()
        custody.withdraw(1)
        assert custody.withdrawn(1, cancelled=True) is None
        custody.take([1])
        assert custody.may_go(queued(1))

    def test_one_at_a_time(self) -> None:
        custody = Custody()
        assert custody.withdraw(1)
        assert not custody.withdraw(1)
        assert custody.withdraw(2)

    def test_it_left_in_another_way(self) -> None:
        custody = Custody()
        custody.take([1])
        custody.withdraw(1)
        custody.withdrawn(1, cancelled=True)
        custody.drop(1)
        custody.take([1])
        assert custody.may_go(queued(1))
