"""docs/connectors/smpp.md: one row for each setting, with a test that names it.

That the defaults there are those of the code is held by `test_docs.TestConfiguration`.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest

from esmed.settings import Section
from esmed.smpp.config import Config

TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "docs" / "connectors" / "smpp.md"
HEAD = ["key", "default", "values", "who needs it", "test"]
ELSEWHERE = {"kind", "retry.attempts", "retry.min", "retry.max"}
"""Keys that docs/configuration.md explains."""


def rows() -> dict[str, dict[str, str]]:
    """The rows of every table with that head, by key."""
    found: dict[str, dict[str, str]] = {}
    inside = False
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            inside = False
        elif cells[0] == "key":
            assert cells == HEAD
            inside = True
        elif inside and not re.fullmatch("-+", cells[0]):
            key = cells[0].strip("`")
            assert key not in found, f"{key} twice"
            found[key] = dict(zip(HEAD, cells, strict=True))
    return found


ROWS = rows()

BEHAVIOUR = re.findall(
    r"(?m)^\| .* \| `([\w/]+\.py)::(\w+)` \|$",
    DOCUMENT.read_text(encoding="utf-8")
    .partition("## What needs no setting")[2]
    .partition("\n## ")[0],
)
"""The tests of what needs no setting: file and name."""


def keys(cls: type[Section], path: str = "") -> Iterator[str]:
    """The paths of all keys, those of the sections below too."""
    hints = get_type_hints(cls, include_extras=True)
    for field in fields(cls):
        if field.metadata.get("derived"):
            continue
        here = f"{path}{field.name.removesuffix('_')}"
        section, mark = _section(hints[field.name])
        if section is None:
            yield here
            continue
        if field.default is not MISSING and not isinstance(field.default, Section):
            yield here  # the section is one of several forms, or may be left out
        yield from keys(section, f"{here}{mark}.")


def _section(hint: Any) -> tuple[type[Section] | None, str]:
    """The section that stands in a field, and how a path shows it."""
    if get_origin(hint) in {Union, UnionType}:
        # Of several forms of one field the first is the one that it is about.
        return next(filter(lambda f: f[0], map(_section, get_args(hint))), (None, ""))
    if get_origin(hint) is tuple:
        return _section(get_args(hint)[0])[0], "[]"
    if get_origin(hint) is Mapping:
        return _section(get_args(hint)[1])[0], ".NAME"
    if get_origin(hint) is Annotated or not isinstance(hint, type):
        return None, ""
    return (hint, "") if issubclass(hint, Section) else (None, "")


FORMS = ("source.", "destination.")
"""Sections whose keys the row of the setting spells out."""


def test_every_setting_has_a_row_and_no_other() -> None:
    known = {key for key in keys(Config) if not key.startswith(FORMS)}
    assert set(ROWS) - {"retry"} == known - ELSEWHERE


def test_no_cell_is_empty() -> None:
    for key, row in ROWS.items():
        assert all(row.values()), key


@cache
def functions(file: str) -> dict[str, str]:
    """The text of each test in a file below `tests/`, decorators included."""
    text = (TESTS / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        node.name: "\n".join(
            lines[
                min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1 :
                node.end_lineno
            ]
        )
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }  # fmt: skip


@pytest.mark.parametrize("key", ROWS)
def test_its_test_names_it(key: str) -> None:
    file, _, name = ROWS[key]["test"].strip("`").partition("::")
    assert name.startswith("test_")
    text = functions(file).get(name)
    assert text is not None, f"no {name} in {file}"
    word = key.rpartition(".")[2]
    assert re.search(rf"\b{word}\b", text), f"{name} does not name {word}"


def test_there_are_rows_of_what_needs_no_setting() -> None:
    assert len(BEHAVIOUR) > 20


@pytest.mark.parametrize(("file", "name"), BEHAVIOUR)
def test_the_test_of_what_needs_no_setting_exists(file: str, name: str) -> None:
    assert name in functions(file)
