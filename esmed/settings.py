"""Plain YAML values to frozen sections, and back; every fault with its path.

A section is a frozen dataclass derived from `Section`; its fields are its keys (`from_`
is the key `from`), their annotations the rules, their defaults the defaults. Supported
annotations: the aliases of `fieldtypes`, `Annotated[..., FieldType]`, str, bool, int,
Literal, Enum, another section, `X | None`, `tuple[X, ...]`, `Mapping[K, X]` with K str
for names or of `fieldtypes`, and `Literal[...] | Section | Section`.

Liberal where it cannot mislead: one value stands for a list of one, an empty section
or list may be left without content, `true` stands for a section of defaults.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import yaml

from esmed.errors import ConfigFault
from esmed.fieldtypes import Boolean, Choice, FieldType, Integer, Text, got, unexpected
from esmed.secret import Surroundings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names given by the operator: they stand in URLs, file names and metric labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping of the configuration. Subclasses must not call `super()`."""

    later: ClassVar[Mapping[str, str]] = {}
    """Keys of the contract that this version cannot serve yet, and why."""

    def faults(self) -> Iterable[ConfigFault]:
        """What is wrong between the fields; paths are relative to the section."""
        return ()

    def advice(self) -> Iterable[ConfigFault]:
        """What works but is probably not meant, likewise."""
        return ()


DERIVED = {"derived": True}
"""Metadata of a field that is not a key: the reader's caller fills it in."""

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """A section whose class depends on the value of one of its keys."""

    key: str
    classes: Mapping[str, type[Section]]


class _Faulty(Exception):  # noqa: N818 - control flow: the fault is recorded already
    """The value cannot be used."""


class Reader:
    """Reads sections and collects `faults` and `warnings` over all of them.

    `variants` maps a base class to the classes that stand for it in the file.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        variants: Mapping[type[Section], Variants] | None = None,
    ) -> None:
        self.faults: list[ConfigFault] = []
        self.warnings: list[ConfigFault] = []
        self._surroundings = surroundings
        self._variants = variants or {}

    def read(self, cls: type[S], raw: object, path: str = "") -> S | None:
        """The section of `raw`; None if too much is missing or wrong to make one.

        A key at fault has its default in the result, so that the rest can be checked:
        use the result only if `faults` is empty at the end. Rules between the keys of
        a section are checked once all its keys without a default can be used.
        """
        try:
            return self._section(cls, raw, path)
        except _Faulty:
            return None

    def is_faulty(self, path: str) -> bool:
        """Whether something at or below `path` was found wrong."""
        return any(
            fault.path == path or fault.path.startswith((f"{path}.", f"{path}["))
            for fault in self.faults
        )

    def add_fault(self, path: str, message: str) -> None:
        """Record a fault, unless one at or below its path is known already."""
        if not self.is_faulty(path):
            self.faults.append(ConfigFault(path=path, message=message))

    def _fail(self, path: str, message: object) -> _Faulty:
        self.faults.append(ConfigFault(path=path, message=str(message)))
        return _Faulty()

    def _section(self, cls: type[S], raw: object, path: str) -> S:
        mapping = {} if raw is None else raw
        if not isinstance(mapping, dict):
            raise self._fail(path, unexpected("a mapping", raw))
        known = _fields_by_key(cls)
        for key in mapping:
            if key not in known:
                self.faults.append(_unknown_key(key, cls, known, path))
        values: dict[str, object] = {}
        incomplete = False
        for key, (field, hint) in known.items():
            where = _join(path, key)
            if key not in mapping:
                if _is_required(field):
                    self._fail(where, "is needed")
                    incomplete = True
                continue
            try:
                values[field.name] = self._value(hint, mapping[key], where)
            except _Faulty:
                incomplete |= _is_required(field)
        if incomplete:
            raise _Faulty
        section = cls(**values)
        for fault in section.faults():
            if fault.rests_on and self.is_faulty(_join(path, fault.rests_on)):
                continue
            self.add_fault(_join(path, fault.path), fault.message)
        for fault in section.advice():
            warning = ConfigFault(path=_join(path, fault.path), message=fault.message)
            self.warnings.append(warning)
        return section

    def _value(self, hint: Any, raw: object, path: str) -> object:
        scalar = _field_type(hint)
        if scalar is not None:
            try:
                return scalar.read(raw, self._surroundings)
            except ValueError as exc:
                raise self._fail(path, exc) from None
        origin, args = get_origin(hint), get_args(hint)
        if origin in {Union, UnionType}:
            return self._union(args, raw, path)
        if origin is tuple:
            return self._tuple(args[0], raw, path)
        if origin is Mapping:
            return self._mapping(args[0], args[1], raw, path)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._member(hint, raw, path)
        if hint in self._variants:
            return self._variant(self._variants[hint], raw, path)
        return self._section(hint, raw, path)

    def _union(self, args: tuple[Any, ...], raw: object, path: str) -> object:
        sections = [arg for arg in args if _is_section(arg)]
        others = [arg for arg in args if arg is not type(None) and arg not in sections]
        optional = type(None) in args
        if optional and raw is None:
            return None
        if not sections:
            return self._value(others[0], raw, path)
        if isinstance(raw, dict):
            # The form whose keys they are; the first, if they could be anybody's.
            form = max(sections, key=lambda cls: len(raw.keys() & _fields_by_key(cls)))
            return self._section(form, raw, path)
        if optional and isinstance(raw, bool):
            return self._section(sections[0], None, path) if raw else None
        words = [word for other in others for word in get_args(other)]
        if raw in words:
            return raw
        wanted = ["true, false"] if optional else words
        raise self._fail(path, unexpected(f"{', '.join(wanted)} or a mapping", raw))

    def _tuple(self, hint: Any, raw: object, path: str) -> tuple[object, ...]:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            if isinstance(raw, dict):
                raise self._fail(path, unexpected("a list", raw))
            return (self._value(hint, raw, path),)
        values = []
        for index, item in enumerate(raw):
            try:
                values.append(self._value(hint, item, f"{path}[{index}]"))
            except _Faulty:
                continue
        return tuple(values)

    def _mapping(
        self, key_hint: Any, hint: Any, raw: object, path: str
    ) -> dict[object, object]:
        if raw is not None and not isinstance(raw, dict):
            raise self._fail(path, unexpected("a mapping", raw))
        values: dict[object, object] = {}
        for key, item in (raw or {}).items():
            where = _join(path, str(key))
            try:
                read = self._key(key_hint, key, where)
                if read in values:
                    self._fail(where, "is in the mapping already")
                    continue
                values[read] = self._value(hint, item, where)
            except _Faulty:
                continue
        return values

    def _key(self, hint: Any, raw: object, where: str) -> object:
        if hint is not str:
            return self._value(hint, raw, where)
        if not isinstance(raw, str) or not NAME.fullmatch(raw):
            message = "a name has up to 64 letters, digits, '.', '_', '-'"
            raise self._fail(where, message)
        return raw

    def _member(self, enum: type[Enum], raw: object, path: str) -> Enum:
        members = {member.name.lower(): member for member in enum}
        if not isinstance(raw, str) or raw not in members:
            raise self._fail(path, unexpected(f"one of {', '.join(members)}", raw))
        return members[raw]

    def _variant(self, variants: Variants, raw: object, path: str) -> Section:
        if not isinstance(raw, dict):
            raise self._fail(path, unexpected("a mapping", raw))
        where, known = _join(path, variants.key), ", ".join(sorted(variants.classes))
        if variants.key not in raw:
            raise self._fail(where, f"is needed; known: {known}")
        choice = raw[variants.key]
        if not isinstance(choice, str) or choice not in variants.classes:
            message = f"unknown {variants.key} {got(choice)}; known: {known}"
            raise self._fail(where, message)
        return self._section(variants.classes[choice], raw, path)


def render(section: Section) -> str:
    """YAML that reads back as `section`, but for its secrets: they are redacted."""
    return yaml.safe_dump(dict(_shown(section)), sort_keys=False, allow_unicode=True)


def differences(old: Section, new: Section, path: str = "") -> Iterator[str]:
    """The paths of the keys in which two sections of one class differ.

    Sections inside of them are compared key by key; lists and mappings as a whole.
    """
    for key, (field, _) in _fields_by_key(type(old)).items():
        before, after = getattr(old, field.name), getattr(new, field.name)
        where = _join(path, key)
        if isinstance(before, Section) and type(before) is type(after):
            yield from differences(before, after, where)
        elif before != after:
            yield where


def _shown(section: Section) -> Iterator[tuple[str, object]]:
    for key, (field, hint) in _fields_by_key(type(section)).items():
        yield key, _show(hint, getattr(section, field.name))


def _show(hint: Any, value: object) -> object:
    if isinstance(value, Section):
        return dict(_shown(value))
    if value is None:
        return None
    if isinstance(value, Enum):
        return value.name.lower()
    scalar = _field_type(hint)
    if scalar is not None:
        return scalar.show(value)
    args = get_args(hint)
    if isinstance(value, tuple):
        return [_show(args[0], item) for item in value]
    if isinstance(value, Mapping):
        return {_show(args[0], key): _show(args[1], it) for key, it in value.items()}
    alternatives = [arg for arg in args if _field_type(arg) is not None]
    return _show(alternatives[0], value)


def _field_type(hint: Any) -> FieldType | None:
    origin = get_origin(hint)
    if origin is Annotated:
        return get_args(hint)[1]  # type: ignore[no-any-return]
    if origin is Literal:
        return Choice(get_args(hint))
    return _PLAIN.get(hint)


_PLAIN: Mapping[Any, FieldType] = {str: Text(), bool: Boolean(), int: Integer()}


def _is_section(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Section)


def _fields_by_key(cls: type[Section]) -> dict[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(cls, include_extras=True)
    return {
        field.name.removesuffix("_"): (field, hints[field.name])
        for field in fields(cls)
        if not field.metadata.get("derived")
    }


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _unknown_key(
    key: object, cls: type[Section], known: Iterable[str], path: str
) -> ConfigFault:
    where = _join(path, str(key))
    if isinstance(key, str) and key in cls.later:
        return ConfigFault(path=where, message=cls.later[key])
    close = get_close_matches(str(key), known, n=1, cutoff=0.7)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return ConfigFault(path=where, message=f"unknown key{hint}")


def _join(path: str, key: str) -> str:
    if not path or not key:
        return path or key
    return f"{path}{key}" if key.startswith("[") else f"{path}.{key}"
