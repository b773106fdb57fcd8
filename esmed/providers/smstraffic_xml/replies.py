"""The XML that multi.php and list.php answer with. Pure.

Half of the documented answers declare no encoding, half windows-1251. What cannot be
read as declared is windows-1251, the default of the platform's texts.
"""

from typing import Final
from xml.etree.ElementTree import Element

from msgspec import Struct

from esmed.bridge import xmldoc
from esmed.bridge.base import Reply
from esmed.bridge.xmldoc import XmlError, text_of
from esmed.providers import _smstraffic_v1

_DEFAULT_CHARSET: Final = "windows-1251"
_LONGEST_CODE: Final = 9


class Refusal(Struct, frozen=True):
    """An ``ERROR`` of the platform."""

    code: int | None
    description: str
    """May hold numbers and texts: it is for looking at, not for showing."""


def read(reply: Reply) -> Element | None:
    """Return the ``reply`` element of an answer; None: there is none."""
    try:
        root = xmldoc.parse(reply.body)
    except XmlError:
        try:
            root = xmldoc.parse(reply.body.decode(_DEFAULT_CHARSET))
        except (UnicodeDecodeError, XmlError):
            return None
    return root if root.tag == "reply" else None


def refusal(root: Element) -> Refusal | None:
    """Return why a request was refused; None: it was not.

    Answers to questions carry neither ``result`` nor ``code`` unless they are refusals,
    and those to requests may have an empty ``code`` beside ``OK`` (manual 1.85).
    """
    result, code = text_of(root, "result").upper(), text_of(root, "code")
    if result in {"OK", ""} and code in {"0", ""}:
        return None
    digits = code.isascii() and code.isdigit() and len(code) <= _LONGEST_CODE
    return Refusal(int(code) if digits else None, text_of(root, "description"))


def instant(parent: Element, *names: str) -> str | None:
    """Return the first of these dates that there is, as `_smstraffic_v1.instant`."""
    said = (text_of(parent, name) for name in names)
    return _smstraffic_v1.instant(next(filter(None, said), ""))


def nothing_said(reply: Reply) -> str:
    """Tell what is wrong with a body that `read` did not take."""
    return "not the XML expected" if reply.body.strip() else "an empty body"
