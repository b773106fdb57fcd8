import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import Framer, FramingError


def frame(size: int, fill: bytes = b"\xaa") -> bytes:
    return size.to_bytes(4, "big") + fill * (size - 4)


A, B, C = frame(16), frame(17, b"b"), frame(300, b"c")


def test_whole_frames_in_one_read() -> None:
    framer = Framer()
    assert framer.feed(A + B + C) == [A, B, C]
    assert framer.pending == 0


def test_nothing_is_nothing() -> None:
    assert Framer().feed(b"") == []


def test_a_tail_waits_for_its_rest() -> None:
    framer = Framer()
    assert framer.feed(A + B[:3]) == [A]
    assert framer.pending == 3
    assert framer.feed(B[3:10]) == []
    assert framer.pending == 10
    assert framer.feed(B[10:] + C[:200]) == [B]
    assert framer.feed(C[200:]) == [C]
    assert framer.pending == 0


def test_frames_are_bytes_however_they_came() -> None:
    framer = Framer()
    framer.feed(A[:8])
    (whole,) = framer.feed(A[8:])
    assert type(whole) is bytes
    (only,) = framer.feed(A)
    assert only is A  # the common read of one whole frame is not even copied


@given(st.lists(st.integers(16, 200), max_size=8), st.data())
def test_any_cut_gives_the_same_frames(sizes: list[int], data: st.DataObject) -> None:
    frames = [frame(size, bytes((size,))) for size in sizes]
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    framer = Framer()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[start:end])
    assert found == frames
    assert framer.pending == 0


@pytest.mark.parametrize("length", [0, 1, 4, 15, 1 << 31, 0xFFFFFFFF, 65537])
def test_a_length_out_of_bounds_ends_the_stream(length: int) -> None:
    framer = Framer()
    with pytest.raises(FramingError, match=f"command_length {length} ") as fault:
        framer.feed(A + B + length.to_bytes(4, "big") + C)
    assert fault.value.frames == (A, B)
    assert fault.value.command_length == length
    with pytest.raises(FramingError) as again:
        framer.feed(A)
    assert again.value.frames == ()
    assert again.value.command_length == length
    assert framer.pending == 0


def test_a_bad_length_is_known_from_its_four_octets() -> None:
    framer = Framer()
    assert framer.feed(b"\x80\0\0") == []
    with pytest.raises(FramingError):
        framer.feed(b"\0")


def test_the_bounds_themselves_are_good() -> None:
    assert Framer().feed(frame(65536)) == [frame(65536)]
    assert Framer(max_length=16).feed(A) == [A]
    with pytest.raises(FramingError):
        Framer(max_length=16).feed(B)
    with pytest.raises(ValueError, match="below 16"):
        Framer(max_length=15)


def test_a_huge_pdu_in_single_octets_is_not_copied_at_each() -> None:
    """Copying what is there at each octet would move eight terabytes."""
    framer = Framer(max_length=1 << 22)
    huge = frame(1 << 22)
    feed = framer.feed
    for at in range(len(huge) - 1):
        feed(huge[at : at + 1])
    assert framer.pending == len(huge) - 1
    assert feed(huge[-1:]) == [huge]
