"""Message ids."""

from uuid import UUID

from esmed.simulator.identifiers import IdForm, writers


def test_every_form_keeps_numbers_apart():
    for form in IdForm:
        for write in writers(form):
            assert len({write(number) for number in range(1, 5000)}) == 4999


def test_uuids_are_uuids():
    response, receipt = writers(IdForm.UUID)
    written = response(1_767_225_600_000_000).decode()
    assert str(UUID(written)) == written
    assert UUID(written).version == 4
    assert receipt(5) == response(5)


def test_padded_in_the_receipt_only():
    response, receipt = writers(IdForm.PADDED)
    assert (response(42), receipt(42)) == (b"42", b"00000000000000000042")
