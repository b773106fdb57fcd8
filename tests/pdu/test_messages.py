from typing import Any

import pytest

from pdu import (
    BindTransceiver,
    EnquireLink,
    GenericNack,
    Outbind,
    RawPdu,
    SubmitSm,
    SubmitSmResp,
    is_response,
)
from pdu.messages import Message
from pdu.specs import SPECS


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        (SubmitSm(), False),
        (EnquireLink(), False),
        (SubmitSmResp(), True),
        (GenericNack(), True),
        (RawPdu(command_id=0x111), False),
        (RawPdu(command_id=0x80000111), True),
    ],
)
def test_is_response(pdu: Any, answer: bool) -> None:
    assert is_response(pdu) is answer


@pytest.mark.parametrize(
    "message", [spec.message for spec in SPECS.values()], ids=lambda m: m.__name__
)
def test_a_message_is_a_frozen_value_without_a_dict(message: type[Any]) -> None:
    pdu = message(sequence=1)
    assert pdu == message(sequence=1)
    assert hash(pdu) == hash(message(sequence=1))
    assert not hasattr(pdu, "__dict__")
    with pytest.raises(AttributeError):
        pdu.sequence = 2
    with pytest.raises(TypeError):
        message(1)


def test_every_message_is_in_the_table_once() -> None:
    def leaves(cls: type[Message]) -> set[type[Message]]:
        if hasattr(cls, "command_id"):
            return {cls}
        return {leaf for sub in cls.__subclasses__() for leaf in leaves(sub)}

    assert leaves(Message) == {spec.message for spec in SPECS.values()}


@pytest.mark.parametrize("message", [BindTransceiver, Outbind])
def test_a_password_is_not_in_the_repr(message: type[Any]) -> None:
    shown = repr(message(system_id="login", password="s3cret", sequence=7))
    assert "s3cret" not in shown
    assert "login" in shown
    assert message.__name__ in shown
