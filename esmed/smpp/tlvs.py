"""The optional parameters of one SMSC: what is added to messages, what came. Pure."""

from collections.abc import Mapping
from typing import Final

from esmed.models import Fault, Request, TlvValues
from esmed.smpp.addresses import fault
from esmed.smpp.quirks import Tlv
from pdu import Tag, tlv
from pdu.messages import Tlvs

_UNDERSTOOD: Final = frozenset(
    int(tag)
    for tag in (
        Tag.MESSAGE_PAYLOAD,
        Tag.SAR_MSG_REF_NUM,
        Tag.SAR_TOTAL_SEGMENTS,
        Tag.SAR_SEGMENT_SEQNUM,
        Tag.RECEIPTED_MESSAGE_ID,
        Tag.MESSAGE_STATE,
    )
)
"""What is shown as something else."""
_NAMES: Final = {int(tag): tag.name.lower() for tag in Tag}


class Parameters:
    """Those that a connector declares, under `tlvs`."""

    def __init__(self, declared: tuple[Tlv, ...]) -> None:
        self._by_name: Mapping[str, Tlv] = {each.name: each for each in declared}
        self._by_tag: Mapping[int, Tlv] = {each.tag: each for each in declared}
        self._required = [each.name for each in declared if each.required]
        self._constant = tuple(
            (each.tag, each.octets(each.value))
            for each in declared
            if each.value is not None
        )

    def of(self, request: Request) -> Tlvs | Fault:
        """What a message carries, in the order of the declaration."""
        given = request.tlvs
        if not given:
            if self._required:
                return fault(f"tlvs.{self._required[0]}", "is needed")
            return self._constant
        written: dict[int, bytes] = {}
        for name, value in given.items():
            declared = self._by_name.get(name)
            if declared is None:
                return fault(f"tlvs.{name}", "is none of this connector's")
            try:
                written[declared.tag] = declared.octets(value)
            except ValueError as error:
                return fault(f"tlvs.{name}", str(error))
        for name in self._required:
            if name not in given:
                return fault(f"tlvs.{name}", "is needed")
        written = dict(self._constant) | written
        return tuple((tag, written[tag]) for tag in self._by_tag if tag in written)

    def shown(self, came: Tlvs) -> TlvValues | None:
        """What came by its name, or as 0x1403, with its value, or its octets in hex.

        None for nothing beside what is understood and shown otherwise; of equal tags
        the first.
        """
        found: dict[str, int | str] = {}
        for tag, octets in came:
            if tag in _UNDERSTOOD:
                continue
            declared = self._by_tag.get(tag)
            if declared is not None:
                found.setdefault(declared.name, declared.shown(octets))
                continue
            value = tlv.get(((tag, octets),), tag)
            shown = octets.hex() if value is None or isinstance(value, bytes) else value
            found.setdefault(_NAMES.get(tag) or f"0x{tag:04X}", shown)
        return found or None
