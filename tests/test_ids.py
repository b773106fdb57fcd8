import uuid
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from esmed.ids import IdSource

NOW = 1_767_225_600_123


def test_an_id_is_a_uuid_of_version_7_with_its_time() -> None:
    id_ = uuid.UUID(IdSource().next(NOW))
    assert id_.version == 7
    assert id_.variant == uuid.RFC_4122
    assert id_.int >> 80 == NOW


def test_the_text_is_canonical() -> None:
    text = IdSource().next(NOW)
    assert text == str(uuid.UUID(text))


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=50))
def test_ids_increase_whatever_the_clock_does(times: list[int]) -> None:
    source = IdSource()
    ids = [source.next(now) for now in times]
    assert ids == sorted(set(ids))
    assert all(uuid.UUID(id_).version == 7 for id_ in ids)


def test_a_full_millisecond_borrows_from_the_next() -> None:
    source = IdSource()
    source.next(NOW)
    source._random = 2**74 - 1
    id_ = uuid.UUID(source.next(NOW))
    assert id_.int >> 80 == NOW + 1
    assert source.next(NOW) > str(id_)


def test_ids_of_one_millisecond_are_not_neighbours() -> None:
    source = IdSource()
    ids = [uuid.UUID(source.next(NOW)).int for _ in range(100)]
    steps = {after - before for before, after in pairwise(ids)}
    assert len(steps) > 90
