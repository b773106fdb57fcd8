"""The mandatory fields of every SMPP 3.4 PDU, in wire order, to hold beside chapter 4.

A field's default is that of the class in ``pdu.messages``.
Where ours is wider than the standard, the comment says so.
"""

from dataclasses import dataclass
from typing import Any, Final

from pdu import messages as m
from pdu.fields import (
    CString,
    Destinations,
    Integer,
    Refusals,
    ShortMessage,
    Time,
    WireType,
)

Fields = tuple[tuple[str, WireType[Any]], ...]

OCTET: Final = Integer(1)
TIME: Final = Time()
ADDRESS: Final = CString(21)
LONG_ADDRESS: Final = CString(65)
MESSAGE_ID: Final = CString(65)
SERVICE_TYPE: Final = CString(6)
# §4.1 has 16 and 9; carriers hand out longer ones, and cutting them is no answer.
SYSTEM_ID: Final = CString(65)
PASSWORD: Final = CString(65)
# Some SMSCs send the last string of a response without its NUL.
RESPONSE_STRING: Final = CString(65, open_ended=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The body of one PDU.

    ``omitted_on_error``: an error response has no body (§4.1.2, §4.4.2), unless there
    is something to say in it.
    """

    message: type[m.Message]
    fields: Fields = ()
    omitted_on_error: bool = False


_BIND: Final[Fields] = (
    ("system_id", SYSTEM_ID),
    ("password", PASSWORD),
    ("system_type", CString(13)),
    ("interface_version", OCTET),
    ("addr_ton", OCTET),
    ("addr_npi", OCTET),
    ("address_range", CString(41)),
)

_BIND_RESP: Final[Fields] = (("system_id", RESPONSE_STRING),)

_SOURCE: Final[Fields] = (
    ("source_addr_ton", OCTET),
    ("source_addr_npi", OCTET),
    ("source_addr", ADDRESS),
)

_DESTINATION: Final[Fields] = (
    ("dest_addr_ton", OCTET),
    ("dest_addr_npi", OCTET),
    ("destination_addr", ADDRESS),
)

_CONTENT: Final[Fields] = (
    ("esm_class", OCTET),
    ("protocol_id", OCTET),
    ("priority_flag", OCTET),
    ("schedule_delivery_time", TIME),
    ("validity_period", TIME),
    ("registered_delivery", OCTET),
    ("replace_if_present_flag", OCTET),
    ("data_coding", OCTET),
    ("sm_default_msg_id", OCTET),
    ("short_message", ShortMessage()),
)

_SM: Final[Fields] = (
    ("service_type", SERVICE_TYPE),
    *_SOURCE,
    *_DESTINATION,
    *_CONTENT,
)

_MESSAGE_ID_RESP: Final[Fields] = (("message_id", RESPONSE_STRING),)

_ALL: Final = (
    Spec(message=m.BindTransmitter, fields=_BIND),
    Spec(message=m.BindReceiver, fields=_BIND),
    Spec(message=m.BindTransceiver, fields=_BIND),
    Spec(message=m.BindTransmitterResp, fields=_BIND_RESP, omitted_on_error=True),
    Spec(message=m.BindReceiverResp, fields=_BIND_RESP, omitted_on_error=True),
    Spec(message=m.BindTransceiverResp, fields=_BIND_RESP, omitted_on_error=True),
    Spec(message=m.Outbind, fields=(("system_id", SYSTEM_ID), ("password", PASSWORD))),
    Spec(message=m.Unbind),
    Spec(message=m.UnbindResp),
    Spec(message=m.GenericNack),
    Spec(message=m.SubmitSm, fields=_SM),
    Spec(message=m.SubmitSmResp, fields=_MESSAGE_ID_RESP, omitted_on_error=True),
    Spec(
        message=m.SubmitMulti,
        fields=(
            ("service_type", SERVICE_TYPE),
            *_SOURCE,
            ("dest_address", Destinations()),
            *_CONTENT,
        ),
    ),
    Spec(
        message=m.SubmitMultiResp,
        fields=(*_MESSAGE_ID_RESP, ("unsuccess_sme", Refusals())),
    ),
    Spec(message=m.DeliverSm, fields=_SM),
    Spec(message=m.DeliverSmResp, fields=_MESSAGE_ID_RESP),
    Spec(
        message=m.DataSm,
        fields=(
            ("service_type", SERVICE_TYPE),
            ("source_addr_ton", OCTET),
            ("source_addr_npi", OCTET),
            ("source_addr", LONG_ADDRESS),
            ("dest_addr_ton", OCTET),
            ("dest_addr_npi", OCTET),
            ("destination_addr", LONG_ADDRESS),
            ("esm_class", OCTET),
            ("registered_delivery", OCTET),
            ("data_coding", OCTET),
        ),
    ),
    Spec(message=m.DataSmResp, fields=_MESSAGE_ID_RESP),
    Spec(message=m.QuerySm, fields=(("message_id", MESSAGE_ID), *_SOURCE)),
    Spec(
        message=m.QuerySmResp,
        fields=(
            *_MESSAGE_ID_RESP,
            ("final_date", TIME),
            ("message_state", OCTET),
            ("error_code", OCTET),
        ),
    ),
    Spec(
        message=m.CancelSm,
        fields=(
            ("service_type", SERVICE_TYPE),
            ("message_id", MESSAGE_ID),
            *_SOURCE,
            *_DESTINATION,
        ),
    ),
    Spec(message=m.CancelSmResp),
    Spec(
        message=m.ReplaceSm,
        fields=(
            ("message_id", MESSAGE_ID),
            *_SOURCE,
            ("schedule_delivery_time", TIME),
            ("validity_period", TIME),
            ("registered_delivery", OCTET),
            ("sm_default_msg_id", OCTET),
            ("short_message", ShortMessage()),
        ),
    ),
    Spec(message=m.ReplaceSmResp),
    Spec(message=m.EnquireLink),
    Spec(message=m.EnquireLinkResp),
    Spec(
        message=m.AlertNotification,
        fields=(
            ("source_addr_ton", OCTET),
            ("source_addr_npi", OCTET),
            ("source_addr", LONG_ADDRESS),
            ("esme_addr_ton", OCTET),
            ("esme_addr_npi", OCTET),
            ("esme_addr", LONG_ADDRESS),
        ),
    ),
)

SPECS: Final[dict[int, Spec]] = {spec.message.command_id: spec for spec in _ALL}
"""By command_id."""
