"""Messages from a CSV file: the header names the fields, each row is a message. Pure.

Liberal in: a byte order mark, ``,`` ``;`` or tabs, quoted line breaks, names in any
case, ``sep=;`` as Excel writes it. A row that cannot be a message is given as such,
with its line; only a header that makes no sense ends it all.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from esmed.api.schema import Submit

FIELDS: Final = frozenset(Submit.__struct_encode_fields__)
NUMBERS: Final = frozenset({"max_parts", "validity"})
SWITCHES: Final = frozenset({"flash", "transliterate"})
LONGEST_LINE: Final = 1 << 20
"""Octets that a line may have; whoever reads the file cuts it there."""

_DELIMITERS: Final = (",", ";", "\t")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"
_YES_OR_NO: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}


class CsvError(ValueError):
    """The file is not one of messages; the text says why."""


class Row(Struct, frozen=True):
    """A row: the number of its first line, its cells, and the message they make."""

    line: int
    cells: list[str]
    message: dict[str, object]


class BadRow(Struct, frozen=True):
    """A row that makes no message; ``cells`` are empty if it could not be read."""

    line: int
    cells: list[str]
    reason: str


class Reader:
    """The rows of a file, given as its lines in octets. CsvError for the header.

    Columns whose name begins with ``_`` are left out, and those that are no field if
    ``only_known``.
    """

    def __init__(self, lines: Iterable[bytes], *, only_known: bool = False) -> None:
        self._line = 0
        self._broken = 0
        self._lines = self._decoded(lines)
        header = self._header_line()
        delimiters: Sequence[str] = _DELIMITERS
        if header.lower().startswith("sep=") and len(header) > len("sep="):
            delimiters = (header[len("sep=")],)
            header = self._header_line()
        self.delimiter: Final = _best(header, delimiters)
        self.columns: Final = _names(header, self.delimiter)
        self._names = self._checked(only_known=only_known)
        self._rows = csv.reader(self._lines, delimiter=self.delimiter, strict=True)

    def __iter__(self) -> Iterator[Row | BadRow]:
        while True:
            first = self._line + 1
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except csv.Error as exc:
                last = f", up to line {self._line}" if self._line > first else ""
                yield BadRow(first, [], f"cannot be read{last}: {exc}")
                continue
            if any(cells):
                yield self._row(first, cells)

    def _row(self, line: int, cells: list[str]) -> Row | BadRow:
        if self._broken >= line:
            where = f" in line {self._broken}" if self._broken > line else ""
            printable = [cell.encode(errors="replace").decode() for cell in cells]
            return BadRow(line, printable, f"not UTF-8{where}")
        if len(cells) > len(self._names):
            reason = f"{len(cells)} cells, but {len(self._names)} columns"
            return BadRow(line, cells, reason)
        message: dict[str, object] = {}
        for name, cell in zip(self._names, cells, strict=False):
            if name and cell:
                try:
                    message[name] = _value(name, cell)
                except ValueError as exc:
                    return BadRow(line, cells, f"{name}: {exc}")
        return Row(line, cells, message)

    def _decoded(self, lines: Iterable[bytes]) -> Iterator[str]:
        for line in lines:
            self._line += 1
            octets = line.removeprefix(_BOM) if self._line == 1 else line
            try:
                yield octets.decode()
            except UnicodeDecodeError:
                self._broken = self._line
                yield octets.decode(errors="surrogateescape")

    def _header_line(self) -> str:
        for line in self._lines:
            if self._broken:
                found = line.encode(errors="surrogateescape")
                kind = "UTF-16" if found.startswith(_UTF16) else "not UTF-8"
                raise CsvError(f"line {self._line}: {kind}; save it as UTF-8")
            if line.strip():
                return line.rstrip("\r\n")
        raise CsvError("there is no header")

    def _checked(self, *, only_known: bool) -> Sequence[str]:
        """Return the field of each column, empty for one that is left out."""
        where, columns = f"line {self._line}", self.columns
        names = [
            "" if name.startswith("_") or (only_known and name not in FIELDS) else name
            for name in columns
        ]
        if "to" not in names:
            shown = ", ".join(columns)
            raise CsvError(f"{where}: there is no column `to`, only {shown}")
        if unknown := [name for name in names if name and name not in FIELDS]:
            known = ", ".join(sorted(FIELDS))
            raise CsvError(
                f"{where}: no field is called {', '.join(unknown)}; the fields are"
                f" {known}; columns that begin with _ are left out"
            )
        if twice := {name for name in names if name and names.count(name) > 1}:
            raise CsvError(f"{where}: twice there: {', '.join(sorted(twice))}")
        return names


def _best(header: str, delimiters: Sequence[str]) -> str:
    """Return the delimiter with which the header names the most fields."""
    return max(
        delimiters,
        key=lambda delimiter: len(FIELDS.intersection(_names(header, delimiter))),
    )


def _names(header: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([header], delimiter=delimiter), [])
    return [cell.strip().lower() for cell in cells]


def _value(name: str, cell: str) -> object:
    """Return the value of a field; ValueError says what was expected."""
    if name == "text":
        return cell
    cell = cell.strip()
    if name in NUMBERS:
        if not (cell.isascii() and cell.isdigit()):
            raise ValueError("expected a whole number")
        return int(cell)
    if name in SWITCHES:
        if cell.lower() not in _YES_OR_NO:
            raise ValueError("expected true or false")
        return _YES_OR_NO[cell.lower()]
    return cell
