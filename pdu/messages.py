"""One value per SMPP 3.4 PDU: flat, frozen, the standard's own field names.

C-octet strings are ``str`` (Latin-1, so that every octet survives), octet strings
``bytes``, integers plain ``int``: a value that the standard does not name stays as it
came.
Times are the raw text of the wire; ``pdu.smpptime`` makes sense of them.
``tlvs`` are raw ``(tag, value)`` pairs in wire order, duplicates kept, and any PDU may
carry them (SMPP 5.0 and vendors put them where 3.4 has none); ``pdu.tlv`` reads and
builds them.
"""

from typing import ClassVar

import msgspec

from pdu.vocabulary import RESPONSE_BIT, CommandId

Tlvs = tuple[tuple[int, bytes], ...]


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The header fields of every PDU, and the optional parameters behind its body.

    ``sequence`` and ``status`` are unsigned 32-bit integers.
    """

    command_id: ClassVar[int]

    sequence: int = 0
    status: int = 0
    tlvs: Tlvs = ()


class _Bind(Message, frozen=True, kw_only=True, gc=False):
    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(sequence={self.sequence}, "
            f"system_id={self.system_id!r}, password=…, "
            f"system_type={self.system_type!r})"
        )


class _BindResp(Message, frozen=True, kw_only=True, gc=False):
    system_id: str = ""


class BindTransmitter(_Bind, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.1."""

    command_id = CommandId.BIND_TRANSMITTER


class BindTransmitterResp(_BindResp, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.2."""

    command_id = CommandId.BIND_TRANSMITTER_RESP


class BindReceiver(_Bind, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.3."""

    command_id = CommandId.BIND_RECEIVER


class BindReceiverResp(_BindResp, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.4."""

    command_id = CommandId.BIND_RECEIVER_RESP


class BindTransceiver(_Bind, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.5."""

    command_id = CommandId.BIND_TRANSCEIVER


class BindTransceiverResp(_BindResp, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.6."""

    command_id = CommandId.BIND_TRANSCEIVER_RESP


class Outbind(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.1.7."""

    command_id = CommandId.OUTBIND

    system_id: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Outbind(sequence={self.sequence}, system_id={self.system_id!r}, …)"


class Unbind(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.2.1."""

    command_id = CommandId.UNBIND


class UnbindResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.2.2."""

    command_id = CommandId.UNBIND_RESP


class GenericNack(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.3.1."""

    command_id = CommandId.GENERIC_NACK


class _Sm(Message, frozen=True, kw_only=True, gc=False):
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class SubmitSm(_Sm, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.4.1."""

    command_id = CommandId.SUBMIT_SM


class SubmitSmResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.4.2."""

    command_id = CommandId.SUBMIT_SM_RESP

    message_id: str = ""


class SmeAddress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One destination of submit_multi (dest_flag 1), SMPP 3.4 §4.5.1.1."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


class DistributionList(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A list of destinations kept by the SMSC (dest_flag 2), SMPP 3.4 §4.5.1.2."""

    dl_name: str = ""


class UnsuccessSme(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One destination refused by submit_multi_resp, SMPP 3.4 §4.5.2.1."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    error_status_code: int = 0


class SubmitMulti(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.5.1; number_of_dests is the length of ``dest_address``."""

    command_id = CommandId.SUBMIT_MULTI

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_address: tuple[SmeAddress | DistributionList, ...] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class SubmitMultiResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.5.2; no_unsuccess is the length of ``unsuccess_sme``."""

    command_id = CommandId.SUBMIT_MULTI_RESP

    message_id: str = ""
    unsuccess_sme: tuple[UnsuccessSme, ...] = ()


class DeliverSm(_Sm, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.6.1."""

    command_id = CommandId.DELIVER_SM


class DeliverSmResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.6.2; ``message_id`` is unused by the standard and stays empty."""

    command_id = CommandId.DELIVER_SM_RESP

    message_id: str = ""


class DataSm(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.7.1; the text travels in the message_payload TLV."""

    command_id = CommandId.DATA_SM

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


class DataSmResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.7.2."""

    command_id = CommandId.DATA_SM_RESP

    message_id: str = ""


class QuerySm(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.8.1."""

    command_id = CommandId.QUERY_SM

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


class QuerySmResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.8.2."""

    command_id = CommandId.QUERY_SM_RESP

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class CancelSm(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.9.1."""

    command_id = CommandId.CANCEL_SM

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


class CancelSmResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.9.2."""

    command_id = CommandId.CANCEL_SM_RESP


class ReplaceSm(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.10.1."""

    command_id = CommandId.REPLACE_SM

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class ReplaceSmResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.10.2."""

    command_id = CommandId.REPLACE_SM_RESP


class EnquireLink(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.11.1."""

    command_id = CommandId.ENQUIRE_LINK


class EnquireLinkResp(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.11.2."""

    command_id = CommandId.ENQUIRE_LINK_RESP


class AlertNotification(Message, frozen=True, kw_only=True, gc=False):
    """SMPP 3.4 §4.12.1."""

    command_id = CommandId.ALERT_NOTIFICATION

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


class RawPdu(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A PDU whose command_id the standard does not know: header and untouched body."""

    command_id: int
    sequence: int = 0
    status: int = 0
    body: bytes = b""


Pdu = (
    BindTransmitter
    | BindTransmitterResp
    | BindReceiver
    | BindReceiverResp
    | BindTransceiver
    | BindTransceiverResp
    | Outbind
    | Unbind
    | UnbindResp
    | GenericNack
    | SubmitSm
    | SubmitSmResp
    | SubmitMulti
    | SubmitMultiResp
    | DeliverSm
    | DeliverSmResp
    | DataSm
    | DataSmResp
    | QuerySm
    | QuerySmResp
    | CancelSm
    | CancelSmResp
    | ReplaceSm
    | ReplaceSmResp
    | EnquireLink
    | EnquireLinkResp
    | AlertNotification
    | RawPdu
)


def is_response(pdu: Pdu) -> bool:
    """Whether the PDU answers a request: generic_nack does, too."""
    return pdu.command_id & RESPONSE_BIT != 0
