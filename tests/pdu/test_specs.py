from pdu import CommandId
from pdu.fields import CString
from pdu.messages import Message
from pdu.specs import SPECS

HEADER = Message.__struct_fields__


def test_every_command_of_the_standard_is_described() -> None:
    assert set(SPECS) == set(CommandId)


def test_a_table_lists_the_fields_of_its_class_in_order() -> None:
    for spec in SPECS.values():
        fields = tuple(name for name, _ in spec.fields)
        assert HEADER + fields == spec.message.__struct_fields__


def test_only_the_responses_to_bind_and_submit_sm_lose_their_body_on_error() -> None:
    assert {i for i, spec in SPECS.items() if spec.omitted_on_error} == {
        CommandId.BIND_TRANSMITTER_RESP,
        CommandId.BIND_RECEIVER_RESP,
        CommandId.BIND_TRANSCEIVER_RESP,
        CommandId.SUBMIT_SM_RESP,
    }


def test_only_responses_have_open_ended_strings() -> None:
    for command_id, spec in SPECS.items():
        for name, wire in spec.fields:
            if isinstance(wire, CString) and wire.open_ended:
                assert command_id & 0x80000000, name
