"""Configuration of a connector of `kind: smpp`.

Lengths are those of SMPP 3.4 §4.1.1 without the closing NUL, but for `system_id` and
`password`: carriers hand out longer ones, which pass with a warning up to 64 octets.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated, ClassVar, Literal, assert_never

from esmed.connectorconfig import ConnectorConfig
from esmed.errors import ConfigFault
from esmed.fieldtypes import (
    Boolean,
    Duration,
    DurationOrZero,
    Endpoint,
    Integer,
    PeerAddress,
    SecretType,
    Text,
    TimeZone,
)
from esmed.secret import Secret
from esmed.settings import Section
from esmed.smpp.binds import Bind, Topology, binds_of
from esmed.smpp.profiles import Profile, with_profile
from esmed.smpp.quirks import (
    LocalAddress,
    Numbering,
    Octet,
    PriorityFlags,
    RegisteredDelivery,
    Sources,
    StatusAction,
    StatusNumber,
    Tlv,
)
from esmed.smpp.tables import (
    BindErrors,
    Codings,
    Prefixes,
    ReceiptErrors,
    ReceiptPattern,
    ReceiptStates,
)
from esmed.tlsconfig import Tls
from pdu.datacoding import Alphabet
from pdu.national import Language

AddressFormat = Literal["plain", "plus", "zeros"]
"""What stands before an international number: nothing, `+`, `00`."""

SYSTEM_ID_STANDARD = 15  # SMPP 3.4 §4.1.1: 16 with the NUL
PASSWORD_STANDARD = 8  # likewise: 9 with the NUL
CREDENTIAL_MOST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Host(Section):
    """One address of the SMSC."""

    address: PeerAddress
    tls: Tls | None = None
    """None: plain TCP."""
    local_address: LocalAddress | None = None
    """Of ours, that connections are made from; port 0: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff(Section):
    """Pauses between attempts to connect, in seconds: growing from min to max."""

    min: Duration = 1.0
    max: Duration = 60.0

    def faults(self) -> Iterator[ConfigFault]:
        if self.min > self.max:
            yield ConfigFault(path="min", message="is longer than max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(ConnectorConfig):
    """One account at one SMSC. Times are seconds, `rate` is PDUs per second."""

    in_place: ClassVar[frozenset[str]] = ConnectorConfig.in_place | {
        *("rate", "adaptive", "window", "shares", "national"),
        *("default_from", "source", "source_format"),
        *("sender_alphabet", "destination", "destination_format", "mo_prefixes"),
        *("gsm7_data_coding", "ucs2_data_coding", "alphabet", "extension"),
        *("concatenation", "max_parts", "short_message_max", "submit_with"),
        *("service_type", "esm_class", "protocol_id", "priority_flag"),
        *("schedule_format", "validity_format", "validity_max", "timezone"),
        *("receipts", "registered_delivery", "id_form"),
        *("cancel_sm", "query_sm"),
        *("profile", "tlvs", "mo_data_coding"),
        *("receipt_states", "receipt_errors", "receipt_pattern"),
        *("deliver_response_timeout", "deliver_response_error", "deliver_response_id"),
    }

    kind: str = "smpp"
    profile: Profile | None = None
    """Whose defaults count; they have become those of the other keys."""
    hosts: tuple[Host, ...]
    """First = primary."""
    system_id: Annotated[str, Text(least=1, most=CREDENTIAL_MOST, ascii_only=True)]
    password: Annotated[Secret, SecretType(may_be_empty=True)]
    system_type: Annotated[str, Text(most=12, ascii_only=True)] = ""
    interface_version: Octet = 0x34
    bind_ton: Octet = 0
    bind_npi: Octet = 0
    address_range: Annotated[str, Text(most=40, ascii_only=True)] = ""
    bind: Topology = "transceiver"
    sessions: Annotated[int, Integer(1, 100)] = 1
    """At each host."""
    further_sessions: Literal["same", "transmitter"] = "same"
    """What the second and later sessions are."""

    standby: Literal["hot", "cold"] = "hot"
    failback_after: Duration = 60.0
    connect_timeout: Duration = 10.0
    bind_timeout: Duration = 10.0
    response_timeout: Duration = 30.0
    enquire_link: DurationOrZero = 30.0
    """0: never; the SMSC's are answered."""
    enquire_link_timeout: Duration = 10.0
    reconnect: Backoff = Backoff()
    bind_errors: BindErrors = field(default_factory=dict)
    """What the carrier means by the statuses with which it refuses a bind."""

    window: Annotated[int, Integer(1, 10_000)] = 10
    adaptive: Annotated[bool, Boolean()] = True
    """Whether the rate follows what the SMSC refuses, below the ceiling `rate`."""

    default_from: Annotated[str, Text(least=1, most=20)] | None = None
    source: Literal["auto"] | Numbering | Sources = "auto"
    source_format: AddressFormat = "plain"
    sender_alphabet: Literal["latin1", "ascii", "gsm0338"] = "latin1"
    """How an alphanumeric sender is written."""
    destination: Literal["auto"] | Numbering = "auto"
    destination_format: AddressFormat = "plain"
    mo_prefixes: Prefixes = field(default_factory=lambda: {"+": "", "00": ""})
    """What the beginnings of the numbers of MO messages are replaced by."""
    gsm7_data_coding: Octet = 0
    ucs2_data_coding: Octet = 8
    alphabet: Alphabet = "gsm0338"
    """What the octets of a text in `gsm7_data_coding` mean."""
    extension: Annotated[bool, Boolean()] = True
    """Whether the SMSC knows the extension table (€ and brackets)."""
    national: tuple[Language, ...] = ()
    """Whose tables of 3GPP TS 23.038 Annex A texts may use."""
    concatenation: Literal["udh8", "udh16", "sar", "payload"] = "udh8"
    max_parts: Annotated[int, Integer(1, 255)] = 255
    short_message_max: Annotated[int, Integer(140, 254)] = 254
    """Octets of short_message, header included."""
    submit_with: Literal["submit_sm", "data_sm"] = "submit_sm"
    service_type: Annotated[str, Text(most=5, ascii_only=True)] = ""
    esm_class: Octet = 0
    """UDHI is added where there is a header."""
    protocol_id: Octet = 0
    priority_flag: PriorityFlags = field(default_factory=PriorityFlags)
    tlvs: tuple[Tlv, ...] = ()
    schedule_format: Literal["none", "relative", "absolute"] = "none"
    """How the SMSC is told when to send; none: we keep the message until then."""
    validity_format: Literal["relative", "absolute", "none"] = "relative"
    validity_max: Duration | None = None
    timezone: TimeZone = UTC
    """Of the SMSC: absolute times are written in it, receipts are dated in it."""
    receipts: Literal["all", "last", "first", "none"] = "all"
    registered_delivery: RegisteredDelivery = field(default_factory=RegisteredDelivery)
    id_form: Literal["same", "hex_in_response", "hex_in_receipt", "auto"] = "auto"
    cancel_sm: Annotated[bool, Boolean()] = True
    """Whether what was sent may be cancelled there."""
    query_sm: Annotated[bool, Boolean()] = False
    """Whether it is asked for when no receipt comes."""
    statuses: Mapping[StatusNumber, StatusAction] = field(default_factory=dict)
    """What a command_status means, where it is not what it usually does."""
    receipt_states: ReceiptStates = field(default_factory=dict)
    """What the carrier means by a `stat`, where it is not the usual."""
    receipt_errors: ReceiptErrors = field(default_factory=dict)
    """What it means by an `err`."""
    receipt_pattern: ReceiptPattern | None = None
    """How its receipts read, where that is beyond the usual reader."""
    mo_data_coding: Codings = field(default_factory=dict)
    """What it means by a data_coding of MO messages, where it is not the usual."""

    deliver_response_timeout: Duration | None = None
    """What is not on disk by then is refused; None: it is never."""
    deliver_response_error: StatusNumber = 0x64
    """With which status: ESME_RX_T_APPN, for now."""
    deliver_response_id: Literal["empty", "echo"] = "empty"

    @classmethod
    def prepared(cls, raw: dict[object, object]) -> dict[object, object]:
        """The keys in the file over those of the profile that they name."""
        return with_profile(raw)

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Those of `hosts`, in order."""
        return tuple(host.address for host in self.hosts)

    @property
    def binds(self) -> tuple[Bind, ...]:
        """Those at each host."""
        return binds_of(self.bind, self.sessions, self.further_sessions)

    def receipt_asked(self, part: int, parts: int) -> bool:
        """Whether `receipts` asks for one for that part, from 1, of so many."""
        match self.receipts:
            case "all":
                return True
            case "first":
                return part == 1
            case "last":
                return part == parts
            case "none":
                return False
            case _:
                assert_never(self.receipts)

    def faults(self) -> Iterator[ConfigFault]:
        yield from self._host_faults()
        yield from self._password_faults()
        if self.bind == "receiver" and self.further_sessions == "transmitter":
            message = "a connector that only receives has no transmitters"
            yield ConfigFault(path="further_sessions", message=message)
        if self.submit_with == "data_sm" and self.schedule_format != "none":
            message = "data_sm has no schedule_delivery_time"
            yield ConfigFault(path="schedule_format", message=message)
        for index, tlv in enumerate(self.tlvs):
            for key in ("tag", "name"):
                taken = [getattr(other, key) for other in self.tlvs[:index]]
                if getattr(tlv, key) in taken:
                    message = "is that of another one"
                    yield ConfigFault(path=f"tlvs[{index}].{key}", message=message)
        yield from self._national_faults()

    def _host_faults(self) -> Iterator[ConfigFault]:
        if not self.hosts:
            yield ConfigFault(path="hosts", message="at least one host is needed")
        for index, host in enumerate(self.hosts):
            if host.address in self.addresses[:index]:
                message = f"{host.address} is in the list already"
                yield ConfigFault(path=f"hosts[{index}].address", message=message)
            if host.local_address and host.local_address.port and len(self.binds) > 1:
                message = "a port of ours can carry one bind only"
                yield ConfigFault(path=f"hosts[{index}].local_address", message=message)

    def _password_faults(self) -> Iterator[ConfigFault]:
        password = self.password.reveal()
        if len(password) > CREDENTIAL_MOST:
            message = f"is longer than {CREDENTIAL_MOST} octets"
            yield ConfigFault(path="password", message=message)
        if not password.isascii() or "\0" in password:
            message = "has characters that are not ASCII"
            yield ConfigFault(path="password", message=message)

    def _national_faults(self) -> Iterator[ConfigFault]:
        if self.national and self.alphabet not in {"gsm0338", "gsm0338-packed"}:
            message = f"there are no national tables in the alphabet {self.alphabet}"
            yield ConfigFault(path="national", message=message)
        for index, language in enumerate(self.national):
            if language in self.national[:index]:
                message = f"{language} is in the list already"
                yield ConfigFault(path=f"national[{index}]", message=message)

    def advice(self) -> Iterator[ConfigFault]:
        if len(self.system_id) > SYSTEM_ID_STANDARD:
            yield self._long("system_id", SYSTEM_ID_STANDARD)
        if len(self.password.reveal()) > PASSWORD_STANDARD:
            yield self._long("password", PASSWORD_STANDARD)
        if self.bind == "transmitter" and self.receipts != "none":
            message = (
                "a transmitter hears of no receipts; with none messages end as sent"
            )
            yield ConfigFault(path="receipts", message=message)

    def _long(self, key: str, standard: int) -> ConfigFault:
        message = f"longer than the {standard} octets of the standard; sent whole"
        return ConfigFault(path=key, message=message)
