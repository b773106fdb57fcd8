"""What the decoder says of a value that does not fit, in words for who wrote it. Pure.

The decoder's own words do not name the values of which it has to be one, and do not say
what a pattern is the form of.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from esmed.api import schema

_STEP: Final = re.compile(r"\[[^]]*\]|[^.\[]+")
_PATTERN: Final = "Expected `str` matching regex"
_TIMES: Final = ("Invalid RFC3339", "Expected `datetime`")


def told(message: str, path: str, cls: type[Struct]) -> str:
    """Return what is wrong with the value at ``path`` (``to[1].text``) of a ``cls``."""
    if message.startswith(_TIMES):
        return f"expected {schema.EXPECTED['send_at']}"
    if message.startswith("Invalid enum value"):
        values = ", ".join(str(one) for one in _about(path, cls).get("enum", ()))
        if values:
            return f"expected one of {values}"
    if message.startswith(_PATTERN):
        about = _about(path, cls)
        form = f"is not of the form {about['pattern']}"
        return f"{form} ({about['description']})" if "description" in about else form
    return message.replace("`", "")


def _about(path: str, cls: type[Struct]) -> Mapping[str, Any]:
    """Return the JSON Schema of what is there, with the nearest description to it."""
    whole = schema.arguments(cls)
    found: dict[str, Any] = whole
    for step in _STEP.findall(path):
        described = {key: found[key] for key in ("description",) if key in found}
        inner = found.get("items") if step[0] == "[" else None
        if inner is None:
            described = {}
            inner = found.get("properties", {}).get(step, {})
        found = described | _resolved(inner, whole)
    return found


def _resolved(node: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema itself where it refers to one, or may be null instead."""
    found = dict(node)
    for one in found.pop("anyOf", ()):
        if one.get("type") != "null":
            found = one | found
    name = str(found.pop("$ref", "")).rpartition("/")[2]
    referred: dict[str, Any] = whole.get("$defs", {}).get(name, {})
    return referred | found
