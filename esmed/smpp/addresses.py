"""Numbers and sender names as one SMSC writes them. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from esmed.models import Fault, FaultClass
from esmed.smpp.config import Config
from esmed.smpp.quirks import Numbering, Sources
from pdu import Npi, Ton, gsm0338

MAX_ADDRESS: Final = 20
"""Octets of an address, SMPP 3.4 §5.2.8 and §5.2.9, without the NUL."""
MAX_ALPHANUMERIC: Final = 11
"""Septets of an alphanumeric sender: 10 octets on the air, 3GPP TS 23.040 §9.1.2.5."""
SHORT_CODE: Final = 6
"""Digits up to which a number is a short code: no international number is shorter
than seven."""
_SOURCES_KEPT: Final = 10_000
_PREFIX: Final[Mapping[str, str]] = {"plain": "", "plus": "+", "zeros": "00"}

Address = tuple[int, int, str]
"""TON, NPI and the address itself."""


class Addresses:
    """How one connector writes and reads addresses."""

    def __init__(self, config: Config) -> None:
        destination = config.destination
        self.destination_ton, self.destination_npi = (
            (int(Ton.INTERNATIONAL), int(Npi.ISDN))
            if destination == "auto"
            else (destination.ton, destination.npi)
        )
        self._destination_prefix = _PREFIX[config.destination_format]
        self._source_prefix = _PREFIX[config.source_format]
        self._numbering = config.source
        self._alphabet = config.sender_alphabet
        self._default_from = config.default_from
        self._sources: dict[str | None, Address | Fault] = {}
        # The longest first: it is the one meant.
        self._mo_prefixes = sorted(
            config.mo_prefixes.items(), key=lambda pair: -len(pair[0])
        )

    def source(self, sender: str | None) -> Address | Fault:
        """The address of a sender; none at all leaves it to the SMSC."""
        found = self._sources.get(sender)
        if found is None:
            if len(self._sources) >= _SOURCES_KEPT:
                self._sources.clear()
            found = self._source(sender or self._default_from)
            self._sources[sender] = found
        return found

    def destination(self, number: str) -> str | Fault:
        """The digits of an international number, or a short code, as it is written."""
        if is_number(number):
            if not self._destination_prefix or len(number) <= SHORT_CODE:
                return number
            written = self._destination_prefix + number
            if len(written) <= MAX_ADDRESS:
                return written
        return fault("to", f"is not a number of 1 to {MAX_ADDRESS} digits")

    def originator(self, address: str) -> str:
        """The sender of an MO message in the form in which we are given numbers."""
        digits = address.removeprefix("+")
        if not is_number(digits) or len(digits) <= SHORT_CODE:
            return address
        for prefix, instead in self._mo_prefixes:
            if address.startswith(prefix):
                return instead + address[len(prefix) :]
        return address

    def _source(self, sender: str | None) -> Address | Fault:
        if not sender:
            return 0, 0, ""
        kind: Literal["alphanumeric", "international", "short"]
        digits = sender.removeprefix("+")
        if not is_number(digits):
            address = self._name(sender)
            if isinstance(address, Fault):
                return address
            kind = "alphanumeric"
        elif len(digits) <= SHORT_CODE and digits == sender:
            kind, address = "short", digits
        else:
            kind, address = "international", self._source_prefix + digits
            if len(address) > MAX_ADDRESS:
                return fault("from", f"is longer than {MAX_ADDRESS} octets")
        numbering = self._numbering
        if numbering == "auto":
            numbering = Sources()
        if not isinstance(numbering, Numbering):
            numbering = getattr(numbering, kind)
        return numbering.ton, numbering.npi, address

    def _name(self, sender: str) -> str | Fault:
        """The octets of an alphanumeric sender, as the Latin-1 string of the PDU."""
        if not gsm0338.is_encodable(sender) or not _is_latin1(sender):
            return fault("from", "has characters that no sender can have")
        if gsm0338.septets(sender) > MAX_ALPHANUMERIC:
            return fault("from", f"is longer than {MAX_ALPHANUMERIC} characters")
        if self._alphabet == "ascii" and not sender.isascii():
            return fault("from", "has characters that are not ASCII")
        if self._alphabet != "gsm0338":
            return sender
        octets = gsm0338.encode(sender)
        if 0 in octets:
            # "@" is 0x00 there, which would end the address.
            return fault("from", "has an @, which this SMSC cannot be told")
        return octets.decode("latin-1")


def is_number(text: str) -> bool:
    """Whether it is digits only, as many as an address may have."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_ADDRESS


def fault(code: str, detail: str) -> Fault:
    """What is wrong with a field of a message."""
    return Fault(FaultClass.MESSAGE, code, detail)


def _is_latin1(text: str) -> bool:
    return all(char <= "\xff" and char >= " " for char in text)
