"""Request bodies: JSON to typed values, every fault with its field. Pure.

The ordinary body costs one pass of the decoder. Only one that does not fit is read
again with the standard library, which is patient with broken characters and gives the
place of broken syntax, and taken apart field by field, to name all that is wrong.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, NoReturn, TypeVar, get_type_hints

import msgspec
from msgspec import UNSET, Struct

from esmed.api import misfits, schema
from esmed.api.schema import EXPECTED, MAX_MESSAGES, Replay, Resolve, Submit
from esmed.models import Millis
from esmed.refusals import FieldError, InvalidError

T = TypeVar("T", bound=Struct)


class Batch(Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/messages/batch``."""

    messages: list[Submit]
    defaults: Submit | None = None


class _Loose(Struct, forbid_unknown_fields=True):
    messages: list[object]
    defaults: dict[str, object] | None = None


class _Leading(Struct, forbid_unknown_fields=True):
    defaults: dict[str, object] | None = None


_decode_submit = msgspec.json.Decoder(Submit).decode
_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_resolve = msgspec.json.Decoder(Resolve).decode
_decode_replay = msgspec.json.Decoder(Replay).decode

_NAMES: Final = dict(
    zip(Submit.__struct_encode_fields__, Submit.__struct_fields__, strict=True)
)
_TYPES: Final = get_type_hints(Submit, include_extras=True)
_ABOUT_FIELD: Final = re.compile(
    r"Object (missing required|contains unknown) field `(.+)`"
)
# Possessive, and content with a string that has no end: linear whatever the body.
_STRING_OR_OPENING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|([{\[])', re.DOTALL)
_MAX_CONTAINERS: Final = MAX_MESSAGES + 100  # the messages, and a few around them
_MAX_LINES: Final = 2 * MAX_MESSAGES  # of NDJSON, blank ones too
_MAX_TOKENS: Final = MAX_MESSAGES * 50  # more than every field of every message
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_HALF: Final = "has a lone surrogate, which is half a character"


def submit(body: bytes, now: Millis) -> Submit:
    """Return the body of a submission. InvalidError names all that is wrong with it,
    not the types only, if there is something wrong with those."""
    try:
        return _decode_submit(body)
    except ValueError:
        return _explained(_object(body), now, schema.requests)


def estimated(body: bytes, now: Millis) -> Submit:
    """Return the body of an estimate, likewise; it may have no destination."""
    try:
        return _decode_submit(body)
    except ValueError:
        return _explained(_object(body), now, schema.estimated)


def batch(body: bytes) -> Sequence[Submit | InvalidError]:
    """Return the messages of a batch, defaults filled in, or what is wrong with each.

    InvalidError if it is the batch itself, or its defaults, that is wrong.
    """
    messages: list[Submit | InvalidError]
    if _sprawls(body):
        raise _too_many()
    try:
        strict = _decode_batch(body)
    except ValueError:
        loose = _converted(_generic(body), _Loose)
        _check_count(loose.messages)
        defaults = _defaults(loose.defaults)
        messages = [_one(item) for item in loose.messages]
    else:
        defaults, messages = strict.defaults, [*strict.messages]
        _check_count(messages)
    _fill(messages, defaults)
    return messages


class Line(Struct, frozen=True):
    """A message of an NDJSON batch, and the number of its line, from 1."""

    number: int
    message: Submit | InvalidError


def batch_lines(body: bytes) -> Sequence[Line]:
    """Return the messages of an NDJSON batch, likewise.

    Each line is a message, blank ones are none; the first may be ``{"defaults": …}``
    instead. InvalidError for wrong defaults, too many lines or none.
    """
    if body.count(b"\n") > _MAX_LINES:
        raise _too_many()
    numbers: list[int] = []
    messages: list[Submit | InvalidError] = []
    defaults: Submit | None = None
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line or line.isspace():
            continue
        if number == 1 and (found := _leading_defaults(line)) is not None:
            defaults = found
            continue
        numbers.append(number)
        messages.append(_line(line))
    _check_count(messages)
    _fill(messages, defaults)
    return list(map(Line, numbers, messages))


def _line(line: bytes) -> Submit | InvalidError:
    try:
        return _decode_submit(line)
    except ValueError:
        try:
            return _one(_object(line))
        except InvalidError as exc:
            return exc


def _leading_defaults(line: bytes) -> Submit | None:
    if b'"defaults"' not in line:
        return None
    try:
        raw = _generic(line)
    except InvalidError:
        return None  # so it is a message, and wrong
    if not isinstance(raw, dict) or set(raw) != {"defaults"}:
        return None
    return _defaults(_converted(raw, _Leading).defaults) or Submit()


def _fill(messages: Sequence[Submit | InvalidError], defaults: Submit | None) -> None:
    given = [
        (name, value)
        for name in Submit.__struct_fields__
        if defaults is not None and (value := getattr(defaults, name)) is not UNSET
    ]
    for name, value in given:
        for message in messages:
            if isinstance(message, Submit) and getattr(message, name) is UNSET:
                setattr(message, name, value)


def resolve(body: bytes) -> bool:
    """Return whether a held message is to be sent again. InvalidError."""
    return _simple(body, _decode_resolve, Resolve).as_ == "resend"


def replay(body: bytes) -> Replay:
    """Return which events are to be sent again. InvalidError."""
    return _simple(body, _decode_replay, Replay)


def arguments(body: bytes, cls: type[T]) -> T:
    """Return the arguments of a connector's operation; no body: none. InvalidError."""
    return _converted(_object(body) if body.strip() else {}, cls)


def prefixed(path: str, errors: Sequence[FieldError]) -> list[FieldError]:
    """Return errors with the path of the object whose fields they are about."""
    return [
        FieldError(f"{path}.{error.field}" if error.field else path, error.message)
        for error in errors
    ]


# --- the second reading --------------------------------------------------------------


def _generic(body: bytes) -> object:
    """Return the JSON value of a body. InvalidError if it is none."""
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise _invalid("", f"not UTF-8 at octet {exc.start}") from None
    if not text.strip():
        raise _invalid("", "a JSON body is needed")
    if _sprawls(body):
        raise _invalid("", "more objects and lists than any request has")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as exc:
        raise _invalid("", f"not JSON: {exc}") from None
    except RecursionError:
        raise _invalid("", "not JSON of this interface: nested too deep") from None


def _sprawls(body: bytes) -> bool:
    """Tell whether a body has more objects and lists than any request needs.

    Asked before they take memory: ``{},`` becomes a hundred times as much there.
    """
    if body.count(b"{") + body.count(b"[") <= _MAX_CONTAINERS:
        return False
    found = 0
    for count, token in enumerate(_STRING_OR_OPENING.finditer(body)):
        found += token.lastindex or 0
        if found > _MAX_CONTAINERS or count > _MAX_TOKENS:
            return True
    return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a value of JSON")


def _object(body: bytes) -> dict[str, object]:
    raw = _generic(body)
    if not isinstance(raw, dict):
        raise _invalid("", "expected an object")
    return raw


def _explained(
    raw: dict[str, object], now: Millis, check: Callable[[Submit, Millis], object]
) -> Submit:
    """Read a message field by field; one answer for all there is to mend."""
    parsed, errors = _typed(raw)
    if errors:
        known = {_top(error) for error in errors}
        if "data" in known:
            known.add("text")  # that neither is there is not true then
        try:
            check(parsed, now)
        except InvalidError as more:
            errors += [error for error in more.errors if _top(error) not in known]
        raise InvalidError(errors)
    return parsed


def _one(raw: object) -> Submit | InvalidError:
    """Read a message of a batch; what its fields say is checked with the defaults."""
    if not isinstance(raw, dict):
        return _invalid("", "expected an object")
    parsed, errors = _typed(raw)
    return InvalidError(errors) if errors else parsed


def _defaults(raw: dict[str, object] | None) -> Submit | None:
    """Read the defaults of a batch, which need not make a message."""
    if raw is None:
        return None
    parsed, errors = _typed(raw)
    if errors:
        raise InvalidError(prefixed("defaults", errors))
    return parsed


def _typed(raw: dict[str, object]) -> tuple[Submit, list[FieldError]]:
    """Read what can be read, and say what cannot."""
    parsed = Submit()
    errors: list[FieldError] = []
    for key, value in raw.items():
        name = _NAMES.get(key)
        if name is None:
            errors.append(FieldError(_printable(key), "unknown field"))
        elif broken := _surrogates(key, value):
            errors += [FieldError(path, _HALF) for path in broken]
        else:
            try:
                setattr(parsed, name, msgspec.convert(value, _TYPES[name]))
            except msgspec.ValidationError as exc:
                errors.append(_wrong_type(key, exc))
    return parsed, errors


def _wrong_type(key: str, exc: msgspec.ValidationError) -> FieldError:
    _, _, path = str(exc).partition(" - at `$")
    expected = EXPECTED.get(key, "a string")
    if path and key == "to":
        return FieldError(f"to{path.rstrip('`')}", "expected a string of digits")
    return FieldError(key, f"expected {expected}")


def _surrogates(key: str, value: object) -> list[str]:
    """Return the paths of strings that hold half a character."""
    if isinstance(value, dict):
        halves = [one for pair in value.items() for one in pair if isinstance(one, str)]
        return [key] if any(map(_SURROGATE.search, halves)) else []
    items = value if isinstance(value, list) else [value]
    broken = [isinstance(one, str) and bool(_SURROGATE.search(one)) for one in items]
    if isinstance(value, list):
        return [f"{key}[{index}]" for index, bad in enumerate(broken) if bad]
    return [key] if broken[0] else []


def _printable(key: str) -> str:
    return key[:64].encode("ascii", "backslashreplace").decode()


def _top(error: FieldError) -> str:
    return error.field.partition("[")[0]


# --- other bodies --------------------------------------------------------------------


def _simple(body: bytes, decode: Callable[[bytes], T], cls: type[T]) -> T:
    try:
        return decode(body)
    except ValueError:
        return _converted(_generic(body), cls)


def _converted(raw: object, cls: type[T]) -> T:
    """Convert what was read; InvalidError names the first field that does not fit."""
    try:
        return msgspec.convert(raw, cls)
    except msgspec.ValidationError as exc:
        message, _, path = str(exc).partition(" - at `$.")
        if about := _ABOUT_FIELD.fullmatch(message):
            problem = "is needed" if about[1] == "missing required" else "unknown field"
            raise _invalid(_printable(about[2]), problem) from None
        path = path.rstrip("`")
        raise _invalid(path, misfits.told(message, path, cls)) from None
    except UnicodeEncodeError:
        raise _invalid("", _HALF) from None


def _check_count(messages: Sequence[object]) -> None:
    if not messages:
        raise _invalid("messages", "at least one message is needed")
    if len(messages) > MAX_MESSAGES:
        raise _too_many()


def _too_many() -> InvalidError:
    return _invalid("messages", f"at most {MAX_MESSAGES} messages")


def _invalid(field: str, message: str) -> InvalidError:
    return InvalidError([FieldError(field, message)])
