"""YAML, without what surprises people."""

import pytest

from esmed.errors import ConfigError
from esmed.yamlfile import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("~", None),
        ("null", None),
        ("a:", {"a": None}),
        ("[true, False, TRUE]", [True, False, True]),
        ("[yes, no, on, off, y, n]", ["yes", "no", "on", "off", "y", "n"]),
        ("[0, -5, +7, 0x34]", [0, -5, 7, 0x34]),
        ("[0380, 1_000, 0o17, 0b1]", ["0380", "1_000", "0o17", "0b1"]),
        ("[1.5, -0.25]", [1.5, -0.25]),
        ("[1e3, .inf, .nan, 1., .5]", ["1e3", ".inf", ".nan", "1.", ".5"]),
        ("[2026-01-01, 10:20]", ["2026-01-01", "10:20"]),
        ("[127.0.0.1:2775, '5', \"5\"]", ["127.0.0.1:2775", "5", "5"]),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}",
         {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
        ("a: 1\n---\nb: 1", "line 2, column 1: but found another document"),
        ("x:\n  - [1", "line 2, column 7: expected ',' or ']'"),
        ("a: 'x", "found unexpected end of stream"),
        ("\tx: 1", "found character '\\t' that cannot start any token"),
        ("password: *hunter2", "column 11: a value that begins with * needs quotes"),
        ("password: !hunter2", "line 1, column 11: tags are not supported"),
        ("a: !!python/object/apply:os.system [x]", "tags are not supported"),
        ("a: !!int 5", "tags are not supported"),
        ("a: 1\nb: \x07", "line 2: a character that YAML does not allow"),
        ("a: \ud800", "line 1: a character that YAML does not allow"),
        ("[" * 5000, "nested too deeply"),
        (f"a: {'1' * 5000}", "a number is too long"),
        ("? [a]\n: 1", "found unhashable key"),
        ("a: {<<: 5}", "line 1, column 9: expected a mapping or list of mappings"),
    ],
)
def test_syntax(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    (fault,) = caught.value.faults
    assert fault.path == ""
    assert complaint in fault.message
    assert "hunter2" not in fault.message


def test_doubled_keys_are_all_reported() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("a: 1\na: 2\nb: {c: 1,\n c: 2, c: 3}\n")
    assert [str(fault) for fault in caught.value.faults] == [
        'line 2: key "a" again, first on line 1',
        'line 4: key "c" again, first on line 3',
        'line 4: key "c" again, first on line 3',
    ]
