"""Named, versioned sets of defaults for carriers and kinds of SMSCs.

A profile is what one would write into the file, and anything in the file goes before
it. A version never changes once it is released: who names it keeps what was tried,
and the bare name is the latest one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from esmed.fieldtypes import unexpected
from esmed.secret import Surroundings

Settings = Mapping[object, object]

SMSTRAFFIC_ERRORS: Final[Mapping[int, str]] = {
    1: "subscriber absent or out of coverage",
    2: "call barred, or blocked by the operator",
    3: "unknown subscriber",
    4: "memory full",
    5: "protocol error of the handset",
    6: "teleservice not provisioned",
    7: "facility not supported",
    8: "subscriber busy",
    9: "roaming restrictions",
    10: "timeout",
    11: "SS7 routing error",
    12: "internal system failure",
    13: "SMSC failure",
    14: "illegal subscriber",
    15: "message queue full",
    16: "invalid source address",
    17: "unroutable direction",
}
"""Why SMS Traffic could not deliver, over whatever protocol it says so."""

PROFILES: Final[Mapping[str, Settings]] = {
    # SMS Traffic, technical description 2.3 of 2025-12-18, chapter SMPP.
    "smstraffic@1": {
        "bind": "transceiver",
        "further_sessions": "transmitter",
        "rate": "20/s",
        "enquire_link": "30s",
        "source": {
            "alphanumeric": {"ton": 5, "npi": 0},
            "international": {"ton": 1, "npi": 1},
            "short": {"ton": 1, "npi": 1},
        },
        "gsm7_data_coding": 0,
        "ucs2_data_coding": 8,
        "alphabet": "gsm0338",
        "extension": False,
        "concatenation": "udh8",
        "submit_with": "submit_sm",
        "service_type": "",
        "priority_flag": {"high": 0, "normal": 0, "bulk": 0},
        "schedule_format": "none",
        "validity_format": "relative",
        "timezone": "+03:00",
        "id_form": "same",
        "bind_errors": {
            0x05: "one receiver or transceiver at each host is all that is allowed",
            0x0D: "no money on the account",
            0x0E: "wrong system_id or password; with older accounts also: no money",
        },
        "receipt_errors": SMSTRAFFIC_ERRORS,
    },
    # Vonage's published SMPP access: ids in hex in the response and in decimal in the
    # receipt, 30 submit_sm a second unless agreed otherwise.
    "vonage@1": {
        "rate": "30/s",
        "id_form": "hex_in_response",
    },
    # Vibes' published SMPP access: TON and NPI always 0, data_coding 0 is ASCII and 4
    # the GSM alphabet, validity_period blank, message_payload of up to 900 characters.
    "vibes@1": {
        "source": {"ton": 0, "npi": 0},
        "destination": {"ton": 0, "npi": 0},
        "gsm7_data_coding": 4,
        "alphabet": "gsm0338",
        "concatenation": "payload",
        "max_parts": 5,
        "mo_data_coding": {0: "latin1"},
        "validity_format": "none",
        "enquire_link": "30s",
        "enquire_link_timeout": "10s",
    },
}
"""By name and version."""

_MERGED: Final = frozenset({"reconnect", "priority_flag", "registered_delivery"})
"""Sections of which the file may give some keys and the profile the others."""


def latest(name: str) -> str | None:
    """The full name of a profile; None if there is none."""
    if name in PROFILES:
        return name
    versions = [known for known in PROFILES if known.rpartition("@")[0] == name]
    return max(versions, key=lambda known: int(known.rpartition("@")[2]), default=None)


def with_profile(raw: dict[object, object]) -> dict[object, object]:
    """The keys in a file over those of the profile that they name, if they do."""
    name = raw.get("profile")
    full = latest(name) if isinstance(name, str) else None
    if full is None:
        return raw
    merged: dict[object, object] = {**PROFILES[full], **raw}
    for key in _MERGED & PROFILES[full].keys():
        own, given = PROFILES[full][key], raw.get(key)
        if isinstance(own, Mapping) and isinstance(given, dict):
            merged[key] = {**own, **given}
    return merged


@dataclass(frozen=True, slots=True)
class ProfileType:
    """`smstraffic` or `smstraffic@1` → always the latter."""

    def read(self, raw: object, _: Surroundings) -> str:
        found = latest(raw) if isinstance(raw, str) else None
        if found is None:
            raise unexpected(f"one of {', '.join(sorted(PROFILES))}", raw)
        return found

    def show(self, value: object) -> object:
        return value


Profile = Annotated[str, ProfileType()]
