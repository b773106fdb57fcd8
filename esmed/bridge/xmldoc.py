"""XML of providers, read with distrust: no DTD, no entities, bounded depth. Pure.

Names are local: prefixes and namespaces are dropped, since providers differ from their
own documents in them. Whatever cannot be read raises `XmlError`, nothing else.
"""

import re
from collections.abc import Callable
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

MOST_DEPTH: Final = 64
_DECLARATION: Final = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_ENCODING: Final = re.compile(
    rb"""\A\s*<\?xml\b[^>]*\bencoding=["']([A-Za-z][A-Za-z0-9._-]*)"""
)
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlError(ValueError):
    """It is no XML that we take. The text says where, and shows nothing of it."""


def parse(body: bytes | str) -> Element:
    """Read a document: octets by the encoding they declare, text as it is."""
    if isinstance(body, str):
        # What it says of its encoding was about octets that are gone.
        body = _DECLARATION.sub("", body).encode("utf-8", "surrogatepass")
        parser = expat.ParserCreate("utf-8")
    else:
        parser = expat.ParserCreate()
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise XmlError("elements nest too deep")
        builder.start(local(name), {local(k): v for k, v in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(local(name))

    def refuse(*_: object) -> None:
        raise XmlError("a document type declaration")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset}"
        raise XmlError(f"{expat.ErrorString(error.code)} in {where}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError("an encoding that nobody knows") from None
    return builder.close()


def parse_mended(body: bytes, *mends: Callable[[str], str]) -> Element:
    """Read a document, if need be after ``mends``, one after the other, were applied
    to its text: what a provider is known to write wrong. The first complaint counts.

    Octets that its encoding does not know are replaced then.
    """
    try:
        return parse(body)
    except XmlError as error:
        complaint = error
    text = _text(body)
    for mend in mends:
        text = mend(text)
        try:
            return parse(text)
        except XmlError:
            continue
    raise complaint


def _text(body: bytes) -> str:
    declared = _ENCODING.match(body)
    try:
        return body.decode(declared[1].decode() if declared else "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def document(root: Element, encoding: str = "utf-8") -> bytes:
    """Write one, with its declaration; characters that ``encoding`` lacks become
    references. Every text is legal: `illegal` found nothing."""
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    body = tostring(root, encoding="unicode").encode(encoding, "xmlcharrefreplace")
    return declaration.encode("ascii") + body


def illegal(text: str) -> str:
    """Return the characters of a text that XML 1.0 cannot carry, each once."""
    return "".join(dict.fromkeys(_ILLEGAL.findall(text)))


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


def text_of(parent: Element, path: str) -> str:
    """Return the text of the first such descendant, trimmed; "" if there is none."""
    return (parent.findtext(path) or "").strip()
