"""The codec of ``smpp.pdu`` as a second opinion on ours: PDUs that both can express.

``case`` draws one PDU in both tongues, ``translated`` puts what the oracle has decoded
into our classes; neither touches our codec.
The oracle's tables lack replace_sm's and submit_multi's last rows (its source has them
as comments); ``Completed`` adds them out of its own field encoders.
"""

import contextlib
import io
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from fakes.pdus import octets, text
from smpp.pdu import constants, operations, pdu_encoding, pdu_types, smpp_time

from pdu import DistributionList, Pdu, SmeAddress, Tag, UnsuccessSme, tlv
from pdu.specs import SPECS

TABLES: dict[type[Enum], dict[str, int]] = {
    pdu_types.AddrTon: constants.addr_ton_name_map,
    pdu_types.AddrNpi: constants.addr_npi_name_map,
    pdu_types.PriorityFlag: constants.priority_flag_name_map,
    pdu_types.ReplaceIfPresentFlag: constants.replace_if_present_flap_name_map,
    pdu_types.MessageState: constants.message_state_name_map,
    pdu_types.AddrSubunit: constants.addr_subunit_name_map,
    pdu_types.NetworkType: constants.network_type_name_map,
    pdu_types.BearerType: constants.bearer_type_name_map,
    pdu_types.PayloadType: constants.payload_type_name_map,
    pdu_types.PrivacyIndicator: constants.privacy_indicator_name_map,
    pdu_types.LanguageIndicator: constants.language_indicator_name_map,
    pdu_types.DisplayTime: constants.display_time_name_map,
    pdu_types.MsAvailabilityStatus: constants.ms_availability_status_name_map,
    pdu_types.DeliveryFailureReason: constants.delivery_failure_reason_name_map,
    pdu_types.MoreMessagesToSend: constants.more_messages_to_send_name_map,
    pdu_types.SubaddressTypeTag: constants.subaddress_type_tag_name_map,
    pdu_types.CallbackNumDigitModeIndicator: (
        constants.callback_num_digit_mode_indicator_name_map
    ),
    pdu_types.EsmClassMode: constants.esm_class_mode_name_map,
    pdu_types.EsmClassType: constants.esm_class_type_name_map,
    pdu_types.EsmClassGsmFeatures: constants.esm_class_gsm_features_name_map,
    pdu_types.RegisteredDeliveryReceipt: (
        constants.registered_delivery_receipt_name_map
    ),
    pdu_types.RegisteredDeliverySmeOriginatedAcks: (
        constants.registered_delivery_sme_originated_acks_name_map
    ),
    pdu_types.DataCodingDefault: constants.data_coding_default_name_map,
    pdu_types.DataCodingGsmMsgCoding: (
        constants.data_coding_gsm_message_coding_name_map
    ),
    pdu_types.DataCodingGsmMsgClass: constants.data_coding_gsm_message_class_name_map,
}

CLASSES = {
    constants.command_id_name_map[command.name]: theirs
    for command, theirs in operations.PDUS.items()
    if command is not None
}

_THEIR_NAMES = {"unsuccess_sme": "no_unsuccess_sme"}

# Counts that the oracle lists as fields of their own; ours belong to what they count.
_EMPTY = ("sm_length", "number_of_dests", "no_unsuccess")


class Case(NamedTuple):
    ours: Any
    theirs: Any


class Both(NamedTuple):
    """One value, in our form and in the oracle's."""

    ours: Any
    theirs: Any


Draw = Callable[[random.Random], Both]


def encoded(theirs: Any) -> bytes:
    """The oracle's octets."""
    octets: bytes = Completed().encode(theirs)
    return octets


def decoded(frame: bytes) -> Any:
    """The oracle's reading; it prints a character for each time that it meets."""
    with contextlib.redirect_stdout(io.StringIO()):
        return Completed().decode(io.BytesIO(frame))


def case(rng: random.Random, command_id: int, *, vendor_tlv: bool = False) -> Case:
    """A random PDU that both sides can express, optionally with a vendor's TLV."""
    theirs = CLASSES[command_id]
    spec = SPECS[command_id]
    status = rng.choice([name for name, n in _STATUSES.items() if n >= 0])
    if rng.random() < 0.7:
        status = "ESME_ROK"
    sequence = rng.choice((rng.getrandbits(32), 0, 1))
    header: Both = Both(
        {"sequence": sequence, "status": _STATUSES[status]},
        {"seqNum": sequence or None, "status": pdu_types.CommandStatus[status]},
    )
    if spec.omitted_on_error and status != "ESME_ROK":
        return Case(spec.message(**header.ours), theirs(**header.theirs))
    fields = {name: _field(command_id, name)(rng) for name, _ in spec.fields}
    tags: list[str] = [name for name in theirs.optionalParams if name in _OPTIONS]
    options = {
        name: _OPTIONS[name](rng) for name in tags if rng.random() < 3 / len(tags)
    }
    tlvs = [_pair(name, both.ours) for name, both in options.items()]
    custom = []
    if vendor_tlv:
        value = octets(rng, 20)
        tlvs.append((0x1400 + rng.getrandbits(8), value))
        custom.append((tlvs[-1][0], None, "OctetString", value))
    named: dict[str, Any] = {
        _THEIR_NAMES.get(name, name): both.theirs
        for name, both in (fields | options).items()
    }
    return Case(
        spec.message(
            **header.ours,
            **{name: both.ours for name, both in fields.items()},
            tlvs=tuple(tlvs),
        ),
        theirs(**header.theirs, **named, custom_tlvs=custom),
    )


def translated(theirs: Any) -> Any:
    """What the oracle decoded, in our class; ``tlvs`` only those that it knows."""
    spec = SPECS[constants.command_id_name_map[theirs.commandId.name]]
    params = dict(theirs.params)
    blank = spec.message()
    values = {}
    for name, _ in spec.fields:
        value = params.pop(_THEIR_NAMES.get(name, name), None)
        default = getattr(blank, name)
        values[name] = _plain(value, default)
    for empty in _EMPTY:
        params.pop(empty, None)
    return spec.message(
        sequence=theirs.seqNum or 0,
        status=_STATUSES[theirs.status.name],
        tlvs=tuple((Tag[name.upper()], _option(name, v)) for name, v in params.items()),
        **values,
    )


def typed_tlvs(pdu: Pdu) -> tuple[tuple[int, Any], ...]:
    """Our raw TLVs as the standard types them, for comparison with the oracle's."""
    tlvs = getattr(pdu, "tlvs", ())
    return tuple((tag, tlv.get(((tag, value),), tag)) for tag, value in tlvs)


_STATUSES: dict[str, int] = constants.command_status_name_map


def _plain(value: Any, default: Any) -> Any:
    match value:
        case None:
            return default
        case bytes() if isinstance(default, str):
            return value.decode("latin-1")
        case _:
            return _known(value)


def _option(name: str, value: Any) -> Any:
    if name in {"additional_status_info_text", "receipted_message_id"}:
        return value.decode("latin-1")
    if name == "sms_signal":
        return int.from_bytes(value, "big")
    return _known(value)


def _known(value: Any) -> Any:
    match value:
        case Enum():
            return TABLES[type(value)][value.name]
        case pdu_types.EsmClass():
            features = sum(_known(feature) for feature in value.gsmFeatures)
            return _known(value.mode) | _known(value.type) | features
        case pdu_types.RegisteredDelivery():
            acks = sum(_known(ack) for ack in value.smeOriginatedAcks)
            notify = 0x10 if value.intermediateNotification else 0
            return _known(value.receipt) | acks | notify
        case pdu_types.DataCoding(scheme=pdu_types.DataCodingScheme.GSM_MESSAGE_CLASS):
            data = value.schemeData
            return 0xF0 | _known(data.msgCoding) | _known(data.msgClass)
        case pdu_types.DataCoding():
            return _known(value.schemeData)
        case pdu_types.CallbackNum():
            head = (value.digitModeIndicator, value.ton, value.npi)
            return bytes(_known(member) for member in head) + value.digits
        case pdu_types.Subaddress():
            return bytes((_known(value.typeTag),)) + value.value
        case datetime():
            return _absolute(value)
        case smpp_time.SMPPRelativeTime():
            return "".join(f"{number:02}" for number in value) + "000R"
        case _:
            return value


def _absolute(moment: datetime) -> str:
    quarters = round((moment.utcoffset() or timedelta()) / timedelta(minutes=15))
    return (
        f"{moment:%y%m%d%H%M%S}{moment.microsecond // 100_000}"
        f"{abs(quarters):02}{'-' if quarters < 0 else '+'}"
    )


def _pair(name: str, value: Any) -> tuple[int, bytes]:
    if name == "source_telematics_id":
        # Two octets with the oracle, one in the standard (§5.3.2.8).
        return int(Tag.SOURCE_TELEMATICS_ID), value.to_bytes(2, "big")
    return tlv.build(Tag[name.upper()], value)


def _member(enum: type[Enum]) -> Draw:
    def draw(rng: random.Random) -> Both:
        member = rng.choice(list(enum))
        return Both(_known(member), member)

    return draw


def _integer(maximum: int) -> Draw:
    def draw(rng: random.Random) -> Both:
        value = rng.randint(0, maximum)
        return Both(value, value)

    return draw


def _string(longest: int) -> Draw:
    def draw(rng: random.Random) -> Both:
        value = text(rng, longest)
        return Both(value, value.encode("latin-1"))

    return draw


def _octets(shortest: int, longest: int) -> Draw:
    def draw(rng: random.Random) -> Both:
        value = rng.randbytes(rng.randint(shortest, longest))
        return Both(value, value)

    return draw


def _esm_class(rng: random.Random) -> Both:
    value = pdu_types.EsmClass(
        rng.choice(list(pdu_types.EsmClassMode)),
        rng.choice(list(pdu_types.EsmClassType)),
        [f for f in pdu_types.EsmClassGsmFeatures if rng.random() < 0.4],
    )
    return Both(_known(value), value)


def _registered_delivery(rng: random.Random) -> Both:
    value = pdu_types.RegisteredDelivery(
        rng.choice(list(pdu_types.RegisteredDeliveryReceipt)),
        [
            a
            for a in pdu_types.RegisteredDeliverySmeOriginatedAcks
            if rng.getrandbits(1)
        ],
        rng.random() < 0.5,
    )
    return Both(_known(value), value)


def _data_coding(rng: random.Random) -> Both:
    schemes = pdu_types.DataCodingScheme
    value = rng.choice(
        (
            pdu_types.DataCoding(
                schemes.DEFAULT, rng.choice(list(pdu_types.DataCodingDefault))
            ),
            pdu_types.DataCoding(schemes.RAW, rng.randint(0x10, 0xEF)),
            pdu_types.DataCoding(
                schemes.GSM_MESSAGE_CLASS,
                pdu_types.DataCodingGsmMsg(
                    rng.choice(list(pdu_types.DataCodingGsmMsgCoding)),
                    rng.choice(list(pdu_types.DataCodingGsmMsgClass)),
                ),
            ),
        )
    )
    return Both(_known(value), value)


def _time(rng: random.Random) -> Both:
    if rng.random() < 0.4:
        return Both("", None)
    if rng.random() < 0.5:
        relative = smpp_time.SMPPRelativeTime(*(rng.randrange(100) for _ in range(6)))
        return Both(_known(relative), relative)
    naive = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    moment = naive + timedelta(
        seconds=rng.randrange(68 * 365 * 86400),
        microseconds=rng.randrange(10) * 100_000,
    )
    quarters = rng.randint(-48, 48)
    if quarters:
        moment = moment.replace(tzinfo=smpp_time.FixedOffset(quarters * 15))
    return Both(_absolute(moment), moment)


def _no_time(_: random.Random) -> Both:
    return Both("", None)


def _no_string(_: random.Random) -> Both:
    return Both("", None)


def _message_id(rng: random.Random) -> Both:
    value = text(rng, 64)
    return Both(value, value.encode("latin-1"))


def _error_code(rng: random.Random) -> Both:
    value = rng.getrandbits(8)
    return Both(value, value or None)


def _callback_num(rng: random.Random) -> Both:
    value = pdu_types.CallbackNum(
        rng.choice(list(pdu_types.CallbackNumDigitModeIndicator)),
        rng.choice(list(pdu_types.AddrTon)),
        rng.choice(list(pdu_types.AddrNpi)),
        rng.randbytes(rng.randint(1, 16)),
    )
    return Both(_known(value), value)


def _subaddress(rng: random.Random) -> Both:
    value = pdu_types.Subaddress(
        rng.choice(list(pdu_types.SubaddressTypeTag)), rng.randbytes(rng.randint(1, 22))
    )
    return Both(_known(value), value)


def _signal(rng: random.Random) -> Both:
    value = rng.randbytes(2)
    return Both(int.from_bytes(value, "big"), value)


def _sme(rng: random.Random) -> tuple[Any, Any, str]:
    ton = rng.choice(list(pdu_types.AddrTon))
    npi = rng.choice(list(pdu_types.AddrNpi))
    return ton, npi, text(rng, 20)


def _destinations(rng: random.Random) -> Both:
    found: list[SmeAddress | DistributionList] = []
    for _ in range(rng.choice((*range(9), 254))):
        if rng.random() < 0.3:
            found.append(DistributionList(dl_name=text(rng, 20)))
        else:
            ton, npi, digits = _sme(rng)
            found.append(
                SmeAddress(
                    dest_addr_ton=_known(ton),
                    dest_addr_npi=_known(npi),
                    destination_addr=digits,
                )
            )
    return Both(tuple(found), tuple(found))


def _refusals(rng: random.Random) -> Both:
    found = []
    for _ in range(rng.choice((*range(9), 255))):
        ton, npi, digits = _sme(rng)
        found.append(
            UnsuccessSme(
                dest_addr_ton=_known(ton),
                dest_addr_npi=_known(npi),
                destination_addr=digits,
                error_status_code=rng.getrandbits(32),
            )
        )
    return Both(tuple(found), tuple(found))


_TON, _NPI = _member(pdu_types.AddrTon), _member(pdu_types.AddrNpi)

_FIELDS: dict[str, Draw] = {
    "system_id": _string(15),
    "password": _string(8),
    "system_type": _string(12),
    "interface_version": _integer(255),
    "addr_ton": _TON,
    "addr_npi": _NPI,
    "address_range": _string(40),
    "service_type": _string(5),
    "source_addr_ton": _TON,
    "source_addr_npi": _NPI,
    "source_addr": _string(20),
    "dest_addr_ton": _TON,
    "dest_addr_npi": _NPI,
    "destination_addr": _string(20),
    "esme_addr_ton": _TON,
    "esme_addr_npi": _NPI,
    "esme_addr": _string(64),
    "esm_class": _esm_class,
    "protocol_id": _integer(255),
    "priority_flag": _member(pdu_types.PriorityFlag),
    "schedule_delivery_time": _time,
    "validity_period": _time,
    "registered_delivery": _registered_delivery,
    "replace_if_present_flag": _member(pdu_types.ReplaceIfPresentFlag),
    "data_coding": _data_coding,
    "sm_default_msg_id": _integer(254),
    "short_message": _octets(0, 254),
    "message_id": _message_id,
    "final_date": _time,
    "message_state": _member(pdu_types.MessageState),
    "error_code": _error_code,
    "dest_address": _destinations,
    "unsuccess_sme": _refusals,
}

_LONG_ADDRESSES = {"data_sm", "alert_notification"}


def _field(command_id: int, name: str) -> Draw:
    command = constants.command_id_value_map[command_id]
    if command in _LONG_ADDRESSES and name in {"source_addr", "destination_addr"}:
        return _string(64)
    if (command, name) == ("deliver_sm", "schedule_delivery_time"):
        return _no_time
    if (command, name) == ("deliver_sm_resp", "message_id"):
        return _no_string
    return _FIELDS[name]


_OPTIONS: dict[str, Draw] = {
    "dest_addr_subunit": _member(pdu_types.AddrSubunit),
    "source_addr_subunit": _member(pdu_types.AddrSubunit),
    "dest_network_type": _member(pdu_types.NetworkType),
    "source_network_type": _member(pdu_types.NetworkType),
    "dest_bearer_type": _member(pdu_types.BearerType),
    "source_bearer_type": _member(pdu_types.BearerType),
    "dest_telematics_id": _integer(0xFFFF),
    "source_telematics_id": _integer(0xFFFF),
    "qos_time_to_live": _integer(0xFFFFFFFF),
    "payload_type": _member(pdu_types.PayloadType),
    "additional_status_info_text": _string(255),
    "receipted_message_id": _string(64),
    "privacy_indicator": _member(pdu_types.PrivacyIndicator),
    "source_subaddress": _subaddress,
    "dest_subaddress": _subaddress,
    "user_message_reference": _integer(0xFFFF),
    "user_response_code": _integer(0xFF),
    "language_indicator": _member(pdu_types.LanguageIndicator),
    "source_port": _integer(0xFFFF),
    "destination_port": _integer(0xFFFF),
    "sar_msg_ref_num": _integer(0xFFFF),
    "sar_total_segments": _integer(0xFF),
    "sar_segment_seqnum": _integer(0xFF),
    "sc_interface_version": _integer(0xFF),
    "display_time": _member(pdu_types.DisplayTime),
    "ms_availability_status": _member(pdu_types.MsAvailabilityStatus),
    "network_error_code": _octets(3, 3),
    "message_payload": _octets(0, 400),
    "delivery_failure_reason": _member(pdu_types.DeliveryFailureReason),
    "more_messages_to_send": _member(pdu_types.MoreMessagesToSend),
    "message_state": _member(pdu_types.MessageState),
    "callback_num": _callback_num,
    "number_of_messages": _integer(99),
    "sms_signal": _signal,
}


# The ignores: a base class without types is Any.
class _Destinations(pdu_encoding.IEncoder):  # type: ignore[misc]
    """number_of_dests and dest_address, put together from the oracle's encoders."""

    count = pdu_encoding.Int1Encoder(max=254)
    flag = pdu_encoding.DestFlagEncoder()
    ton = pdu_encoding.AddrTonEncoder()
    npi = pdu_encoding.AddrNpiEncoder()
    digits = pdu_encoding.COctetStringEncoder(21)

    def encode(self, value: Any, name: str = "") -> bytes:
        parts = [self.count.encode(len(value), name)]
        for item in value:
            if isinstance(item, DistributionList):
                parts.append(
                    self.flag.encode(pdu_types.DestFlag.DISTRIBUTION_LIST_NAME)
                )
                parts.append(self.digits.encode(item.dl_name.encode("latin-1")))
            else:
                parts.append(self.flag.encode(pdu_types.DestFlag.SME_ADDRESS))
                parts.append(self.address(item))
        return b"".join(parts)

    def decode(self, file: Any) -> tuple[Any, ...]:
        found: list[Any] = []
        for _ in range(self.count.decode(file)):
            if self.flag.decode(file) is pdu_types.DestFlag.SME_ADDRESS:
                found.append(SmeAddress(**self.read_address(file)))
            else:
                name = self.digits.decode(file).decode("latin-1")
                found.append(DistributionList(dl_name=name))
        return tuple(found)

    def address(self, item: Any) -> bytes:
        ton = constants.addr_ton_value_map[item.dest_addr_ton]
        npi = constants.addr_npi_value_map[item.dest_addr_npi]
        octets: bytes = (
            self.ton.encode(pdu_types.AddrTon[ton])
            + self.npi.encode(pdu_types.AddrNpi[npi])
            + self.digits.encode(item.destination_addr.encode("latin-1"))
        )
        return octets

    def read_address(self, file: Any) -> dict[str, Any]:
        return {
            "dest_addr_ton": _known(self.ton.decode(file)),
            "dest_addr_npi": _known(self.npi.decode(file)),
            "destination_addr": self.digits.decode(file).decode("latin-1"),
        }


class _Refusals(_Destinations):
    """no_unsuccess and unsuccess_sme, likewise."""

    count = pdu_encoding.Int1Encoder()
    code = pdu_encoding.Int4Encoder()

    def encode(self, value: Any, name: str = "") -> bytes:
        return bytes(self.count.encode(len(value), name)) + b"".join(
            self.address(item) + self.code.encode(item.error_status_code)
            for item in value
        )

    def decode(self, file: Any) -> tuple[Any, ...]:
        return tuple(
            UnsuccessSme(
                **self.read_address(file), error_status_code=self.code.decode(file)
            )
            for _ in range(self.count.decode(file))
        )


class Completed(pdu_encoding.PDUEncoder):  # type: ignore[misc]
    """The oracle with the rows that its tables leave out."""

    # The name and form that the oracle reads.
    DefaultRequiredParamEncoders = {  # noqa: RUF012
        **pdu_encoding.PDUEncoder.DefaultRequiredParamEncoders,
        **dict.fromkeys(_EMPTY, pdu_encoding.EmptyEncoder()),
        "dest_address": _Destinations(),
        "no_unsuccess_sme": _Refusals(),
    }
