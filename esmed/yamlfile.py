"""YAML text to plain values: dict, list, str, int, float, bool, None.

Stricter than PyYAML's safe loader where it surprises people: a key given twice is a
fault, tags and dates do not exist, and scalars follow YAML 1.2 (`yes`, `on` and `0380`
are strings), so that a sender named NO stays a sender.
"""

import re
from collections.abc import Hashable

import yaml

from esmed.errors import ConfigError, ConfigFault


class _Loader(yaml.SafeLoader):
    """Collects doubled keys instead of letting the last one win."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.faults: list[ConfigFault] = []

    def fetch_tag(self) -> None:
        mark = self.get_mark()
        raise yaml.scanner.ScannerError(None, None, "tags are not supported", mark)

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        first_lines: dict[object, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            line = key.start_mark.line + 1
            if key.value in first_lines:
                first = first_lines[key.value]
                message = f'line {line}: key "{key.value}" again, first on line {first}'
                self.faults.append(ConfigFault(path="", message=message))
            first_lines.setdefault(key.value, line)
        return super().construct_mapping(node, deep=deep)


# YAML 1.2 core schema, without octal, infinity and not-a-number.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+", "-+0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def parse(text: str) -> object:
    """The one document of `text`; None when there is none.

    Raises ConfigError with the line of each fault, never with the text found there: it
    may be a password.
    """
    try:
        loader = _Loader(text)
        document: object = loader.get_single_data()
    except yaml.MarkedYAMLError as exc:
        raise ConfigError([_syntax_fault(exc)]) from None
    except yaml.reader.ReaderError as exc:
        raise ConfigError([_character_fault(text, exc.position)]) from None
    except RecursionError:
        raise ConfigError([ConfigFault(path="", message="nested too deeply")]) from None
    except ValueError:  # int() of thousands of digits
        fault = ConfigFault(path="", message="a number is too long")
        raise ConfigError([fault]) from None
    if loader.faults:
        raise ConfigError(loader.faults)
    return document


def _syntax_fault(exc: yaml.MarkedYAMLError) -> ConfigFault:
    mark = exc.problem_mark or exc.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = exc.problem or "not YAML"
    if "alias" in problem:
        problem = "a value that begins with * needs quotes"
    return ConfigFault(path="", message=f"{where}{problem}")


def _character_fault(text: str, position: int) -> ConfigFault:
    line = text.count("\n", 0, position) + 1
    message = f"line {line}: a character that YAML does not allow"
    return ConfigFault(path="", message=message)
