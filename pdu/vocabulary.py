"""The numbers of SMPP 3.4 and their names, supplied by the tables of ``smpp.pdu``.

A member declared with ``auto()`` takes its value from the package's table at import,
and one that the table does not know stops the import.
Names of the standard that the package lacks carry their value here: the intermediate
notification bit of registered_delivery (§5.2.17).
Its ``RESERVEDSTATUS*`` (negative placeholders, not statuses) and
``vendor_specific_bypass`` are left out: an unknown number stays that number.
"""

from enum import IntEnum, IntFlag, auto
from typing import Any, Final

from smpp.pdu import constants

_STATUS_TABLE: Final[dict[int, dict[str, str]]] = {
    status: entry
    for status, entry in constants.command_status_value_map.items()
    if status >= 0
}
_COMMAND_NAMES: Final[dict[int, str]] = constants.command_id_value_map

RESPONSE_BIT: Final = 0x80000000
"""Set in the command_id of every response, generic_nack included (§5.1.2)."""


class CommandId(IntEnum):
    """command_id, SMPP 3.4 §5.1.2.1."""

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> int:
        return int(constants.command_id_name_map[name.lower()])

    GENERIC_NACK = auto()
    BIND_RECEIVER = auto()
    BIND_RECEIVER_RESP = auto()
    BIND_TRANSMITTER = auto()
    BIND_TRANSMITTER_RESP = auto()
    QUERY_SM = auto()
    QUERY_SM_RESP = auto()
    SUBMIT_SM = auto()
    SUBMIT_SM_RESP = auto()
    DELIVER_SM = auto()
    DELIVER_SM_RESP = auto()
    UNBIND = auto()
    UNBIND_RESP = auto()
    REPLACE_SM = auto()
    REPLACE_SM_RESP = auto()
    CANCEL_SM = auto()
    CANCEL_SM_RESP = auto()
    BIND_TRANSCEIVER = auto()
    BIND_TRANSCEIVER_RESP = auto()
    OUTBIND = auto()
    ENQUIRE_LINK = auto()
    ENQUIRE_LINK_RESP = auto()
    SUBMIT_MULTI = auto()
    SUBMIT_MULTI_RESP = auto()
    ALERT_NOTIFICATION = auto()
    DATA_SM = auto()
    DATA_SM_RESP = auto()


class CommandStatus(IntEnum):
    """command_status, SMPP 3.4 §5.1.3; from ESME_RSERTYPUNAUTH on, SMPP 5.0."""

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> int:
        return int(constants.command_status_name_map[name])

    ESME_ROK = auto()
    ESME_RINVMSGLEN = auto()
    ESME_RINVCMDLEN = auto()
    ESME_RINVCMDID = auto()
    ESME_RINVBNDSTS = auto()
    ESME_RALYBND = auto()
    ESME_RINVPRTFLG = auto()
    ESME_RINVREGDLVFLG = auto()
    ESME_RSYSERR = auto()
    ESME_RINVSRCADR = auto()
    ESME_RINVDSTADR = auto()
    ESME_RINVMSGID = auto()
    ESME_RBINDFAIL = auto()
    ESME_RINVPASWD = auto()
    ESME_RINVSYSID = auto()
    ESME_RCANCELFAIL = auto()
    ESME_RREPLACEFAIL = auto()
    ESME_RMSGQFUL = auto()
    ESME_RINVSERTYP = auto()
    ESME_RINVNUMDESTS = auto()
    ESME_RINVDLNAME = auto()
    ESME_RINVDESTFLAG = auto()
    ESME_RINVSUBREP = auto()
    ESME_RINVESMCLASS = auto()
    ESME_RCNTSUBDL = auto()
    ESME_RSUBMITFAIL = auto()
    ESME_RINVSRCTON = auto()
    ESME_RINVSRCNPI = auto()
    ESME_RINVDSTTON = auto()
    ESME_RINVDSTNPI = auto()
    ESME_RINVSYSTYP = auto()
    ESME_RINVREPFLAG = auto()
    ESME_RINVNUMMSGS = auto()
    ESME_RTHROTTLED = auto()
    ESME_RINVSCHED = auto()
    ESME_RINVEXPIRY = auto()
    ESME_RINVDFTMSGID = auto()
    ESME_RX_T_APPN = auto()
    ESME_RX_P_APPN = auto()
    ESME_RX_R_APPN = auto()
    ESME_RQUERYFAIL = auto()
    ESME_RINVOPTPARSTREAM = auto()
    ESME_ROPTPARNOTALLWD = auto()
    ESME_RINVPARLEN = auto()
    ESME_RMISSINGOPTPARAM = auto()
    ESME_RINVOPTPARAMVAL = auto()
    ESME_RDELIVERYFAILURE = auto()
    ESME_RUNKNOWNERR = auto()
    ESME_RSERTYPUNAUTH = auto()
    ESME_RPROHIBITED = auto()
    ESME_RSERTYPUNAVAIL = auto()
    ESME_RSERTYPDENIED = auto()
    ESME_RINVDCS = auto()
    ESME_RINVSRCADDRSUBUNIT = auto()
    ESME_RINVDSTADDRSUBUNIT = auto()
    ESME_RINVBCASTFREQINT = auto()
    ESME_RINVBCASTALIAS_NAME = auto()
    ESME_RINVBCASTAREAFMT = auto()
    ESME_RINVNUMBCAST_AREAS = auto()
    ESME_RINVBCASTCNTTYPE = auto()
    ESME_RINVBCASTMSGCLASS = auto()
    ESME_RBCASTFAIL = auto()
    ESME_RBCASTQUERYFAIL = auto()
    ESME_RBCASTCANCELFAIL = auto()
    ESME_RINVBCAST_REP = auto()
    ESME_RINVBCASTSRVGRP = auto()
    ESME_RINVBCASTCHANIND = auto()


class Tag(IntEnum):
    """Tags of the optional parameters, SMPP 3.4 §5.3.2."""

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> int:
        return int(constants.tag_name_map[name.lower()])

    DEST_ADDR_SUBUNIT = auto()
    DEST_NETWORK_TYPE = auto()
    DEST_BEARER_TYPE = auto()
    DEST_TELEMATICS_ID = auto()
    SOURCE_ADDR_SUBUNIT = auto()
    SOURCE_NETWORK_TYPE = auto()
    SOURCE_BEARER_TYPE = auto()
    SOURCE_TELEMATICS_ID = auto()
    QOS_TIME_TO_LIVE = auto()
    PAYLOAD_TYPE = auto()
    ADDITIONAL_STATUS_INFO_TEXT = auto()
    RECEIPTED_MESSAGE_ID = auto()
    MS_MSG_WAIT_FACILITIES = auto()
    PRIVACY_INDICATOR = auto()
    SOURCE_SUBADDRESS = auto()
    DEST_SUBADDRESS = auto()
    USER_MESSAGE_REFERENCE = auto()
    USER_RESPONSE_CODE = auto()
    SOURCE_PORT = auto()
    DESTINATION_PORT = auto()
    SAR_MSG_REF_NUM = auto()
    LANGUAGE_INDICATOR = auto()
    SAR_TOTAL_SEGMENTS = auto()
    SAR_SEGMENT_SEQNUM = auto()
    SC_INTERFACE_VERSION = auto()
    CALLBACK_NUM_PRES_IND = auto()
    CALLBACK_NUM_ATAG = auto()
    NUMBER_OF_MESSAGES = auto()
    CALLBACK_NUM = auto()
    DPF_RESULT = auto()
    SET_DPF = auto()
    MS_AVAILABILITY_STATUS = auto()
    NETWORK_ERROR_CODE = auto()
    MESSAGE_PAYLOAD = auto()
    DELIVERY_FAILURE_REASON = auto()
    MORE_MESSAGES_TO_SEND = auto()
    MESSAGE_STATE = auto()
    USSD_SERVICE_OP = auto()
    DISPLAY_TIME = auto()
    SMS_SIGNAL = auto()
    MS_VALIDITY = auto()
    ALERT_ON_MESSAGE_DELIVERY = auto()
    ITS_REPLY_TYPE = auto()
    ITS_SESSION_INFO = auto()


class Ton(IntEnum):
    """Type of number, SMPP 3.4 §5.2.5."""

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> int:
        return int(constants.addr_ton_name_map[name])

    UNKNOWN = auto()
    INTERNATIONAL = auto()
    NATIONAL = auto()
    NETWORK_SPECIFIC = auto()
    SUBSCRIBER_NUMBER = auto()
    ALPHANUMERIC = auto()
    ABBREVIATED = auto()


class Npi(IntEnum):
    """Numbering plan indicator, SMPP 3.4 §5.2.6."""

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> int:
        return int(constants.addr_npi_name_map[name])

    UNKNOWN = auto()
    ISDN = auto()
    DATA = auto()
    TELEX = auto()
    LAND_MOBILE = auto()
    NATIONAL = auto()
    PRIVATE = auto()
    ERMES = auto()
    INTERNET = auto()
    WAP_CLIENT_ID = auto()


class MessageState(IntEnum):
    """message_state, SMPP 3.4 §5.2.28."""

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> int:
        return int(constants.message_state_name_map[name])

    ENROUTE = auto()
    DELIVERED = auto()
    EXPIRED = auto()
    DELETED = auto()
    UNDELIVERABLE = auto()
    ACCEPTED = auto()
    UNKNOWN = auto()
    REJECTED = auto()


_DCS: Final[dict[str, int]] = constants.data_coding_default_name_map


class DataCoding(IntEnum):
    """data_coding, SMPP 3.4 §5.2.19; the GSM message classes (0xF0 up) stay numbers."""

    DEFAULT = _DCS["SMSC_DEFAULT_ALPHABET"]
    ASCII = _DCS["IA5_ASCII"]
    BINARY_2 = _DCS["OCTET_UNSPECIFIED"]
    LATIN1 = _DCS["LATIN_1"]
    BINARY = _DCS["OCTET_UNSPECIFIED_COMMON"]
    JIS = _DCS["JIS"]
    CYRILLIC = _DCS["CYRILLIC"]
    HEBREW = _DCS["ISO_8859_8"]
    UCS2 = _DCS["UCS2"]
    PICTOGRAM = _DCS["PICTOGRAM"]
    ISO_2022_JP = _DCS["ISO_2022_JP"]
    EXTENDED_JIS = _DCS["EXTENDED_KANJI_JIS"]
    KS_C_5601 = _DCS["KS_C_5601"]


_ESM_MODE: Final[dict[str, int]] = constants.esm_class_mode_name_map
_ESM_TYPE: Final[dict[str, int]] = constants.esm_class_type_name_map
_ESM_GSM: Final[dict[str, int]] = constants.esm_class_gsm_features_name_map


class EsmClass(IntFlag):
    """esm_class, SMPP 3.4 §5.2.12: mode, type and GSM features; any bits survive.

    Mode (``& MODE_MASK``) and type (``& TYPE_MASK``) are numbers, not single bits.
    """

    DEFAULT = _ESM_MODE["DEFAULT"]
    DATAGRAM = _ESM_MODE["DATAGRAM"]
    FORWARD = _ESM_MODE["FORWARD"]
    STORE_AND_FORWARD = _ESM_MODE["STORE_AND_FORWARD"]
    MODE_MASK = STORE_AND_FORWARD
    DELIVERY_RECEIPT = _ESM_TYPE["SMSC_DELIVERY_RECEIPT"]
    DELIVERY_ACKNOWLEDGEMENT = _ESM_TYPE["DELIVERY_ACKNOWLEDGEMENT"]
    MANUAL_ACKNOWLEDGEMENT = _ESM_TYPE["MANUAL_ACKNOWLEDGMENT"]
    CONVERSATION_ABORT = _ESM_TYPE["CONVERSATION_ABORT"]
    INTERMEDIATE_NOTIFICATION = _ESM_TYPE["INTERMEDIATE_DELIVERY_NOTIFICATION"]
    TYPE_MASK = 0x3C
    UDHI = _ESM_GSM["UDHI_INDICATOR_SET"]
    REPLY_PATH = _ESM_GSM["SET_REPLY_PATH"]


_RECEIPT: Final[dict[str, int]] = constants.registered_delivery_receipt_name_map
_ACK: Final[dict[str, int]] = constants.registered_delivery_sme_originated_acks_name_map


class RegisteredDelivery(IntFlag):
    """registered_delivery, SMPP 3.4 §5.2.17; any bits survive."""

    NONE = _RECEIPT["NO_SMSC_DELIVERY_RECEIPT_REQUESTED"]
    RECEIPT = _RECEIPT["SMSC_DELIVERY_RECEIPT_REQUESTED"]
    RECEIPT_ON_FAILURE = _RECEIPT["SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE"]
    DELIVERY_ACK = _ACK["SME_DELIVERY_ACK_REQUESTED"]
    MANUAL_ACK = _ACK["SME_MANUAL_ACK_REQUESTED"]
    INTERMEDIATE = 0x10


def status_name(status: int) -> str:
    """``ESME_RTHROTTLED``; a status without a name: ``0x00000455``."""
    entry = _STATUS_TABLE.get(status)
    return entry["name"] if entry else f"0x{status:08X}"


def status_text(status: int) -> str:
    """The standard's words for a command_status; a vendor's own is called that."""
    entry = _STATUS_TABLE.get(status)
    if entry:
        return entry["description"]
    if 0x400 <= status <= 0x4FF:
        return "SMSC vendor specific error"
    return "Unknown status"


def command_name(command_id: int) -> str:
    """``submit_sm``; a command_id without a name: ``0x00000999``."""
    return _COMMAND_NAMES.get(command_id) or f"0x{command_id:08X}"
