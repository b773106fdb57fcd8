"""SOAP envelopes: 1.2 is written, 1.1 is read as well. Pure."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from msgspec import Struct

from esmed.bridge import xmldoc
from esmed.bridge.xmldoc import XmlError, text_of

ENVELOPE: Final = "http://www.w3.org/2003/05/soap-envelope"
CONTENT_TYPE: Final = "application/soap+xml; charset=utf-8"

_REFUSED: Final = frozenset(
    {"Sender", "Client", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown"}
)


class SoapFault(Struct, frozen=True):
    """What came instead of an answer: SOAP 1.2 part 1 §5.4."""

    code: str
    """Without its prefix, such as ``Sender``."""

    @property
    def refused(self) -> bool:
        """Whether the request was refused as it stands, so that it was not processed,
        and would not be if it came again. Behind a dot SOAP 1.1 (§4.4.1) says more
        exactly what is before it: ``Client.Authentication``."""
        return self.code.partition(".")[0] in _REFUSED


def write(payload: Element, namespace: str) -> bytes:
    """Put a payload, whose names have no prefix and are of ``namespace``, into an
    envelope."""
    envelope = Element("env:Envelope", {"xmlns:env": ENVELOPE, "xmlns": namespace})
    SubElement(envelope, "env:Body").append(payload)
    return xmldoc.document(envelope)


def read(body: bytes) -> Element | SoapFault:
    """Return the payload of an envelope. XmlError if there is none."""
    envelope = xmldoc.parse(body)
    payload = envelope.find("Body/*")
    if envelope.tag != "Envelope" or payload is None:
        raise XmlError("no SOAP envelope with something in it")
    if payload.tag != "Fault":
        return payload
    code = text_of(payload, "Code/Value") or text_of(payload, "faultcode")
    return SoapFault(xmldoc.local(code)[:40])
