"""The documents say what the code does: examples load, commands parse, tables agree."""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import pytest
import yaml
from test_layering import LAYERS

from esmed import cli, yamlfile
from esmed.config import Config, loads, render
from esmed.metrics import Metrics
from esmed.reload import AT_ONCE
from esmed.secret import Surroundings
from esmed.simulator.cli import read_faults
from esmed.smpp.status import Statuses
from esmed.tlsconfig import Tls
from pdu import CommandStatus

ROOT = Path(__file__).parents[1]
DOCS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "bench" / "README.md",
]
CONFIGURATION = ROOT / "docs" / "configuration.md"
SMPP = ROOT / "docs" / "connectors" / "smpp.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
OPERATIONS = ROOT / "docs" / "operations.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fenced block of code."""

    file: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"


def fences(*languages: str) -> list[Fence]:
    """Those of every document in one of these languages."""
    return [
        Fence(
            file=file,
            line=text.count("\n", 0, found.start()) + 2,
            language=found[1],
            text=found[2],
        )
        for file in DOCS
        for text in [file.read_text(encoding="utf-8")]
        for found in re.finditer(r"(?ms)^```(\w*)\n(.*?)^```", text)
        if found[1] in languages
    ]


def prose(file: Path) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", file.read_text(encoding="utf-8"))


def table(file: Path, head: str) -> dict[str, str]:
    """Second cells by what stands in code in the first ones, where `head` is on top."""
    rows: dict[str, str] = {}
    inside = False
    for line in file.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            inside = False
        elif cells[0] == head:
            inside = True
        elif inside and not re.fullmatch("-+", cells[0]):
            for name in re.findall(r"`([^`]+)`", cells[0]) or [cells[0]]:
                assert name not in rows, f"{file.name} has {name} twice"
                rows[name] = cells[1]
    return rows


class TestReading:
    def test_there_is_something_to_check(self) -> None:
        assert len(fences("yaml")) >= 5
        assert len(calls()) >= 10

    def test_a_table(self, tmp_path: Path) -> None:
        file = tmp_path / "a.md"
        file.write_text(
            "| key | default |\n|---|---|\n| `a.b` | `1` |\n| `c` · `d` | x \\| y |\n\n"
            "| no | key |\n|---|---|\n| `e` | f |\n"
        )
        assert table(file, "key") == {"a.b": "`1`", "c": "x \\| y", "d": "x \\| y"}


# --- configuration -------------------------------------------------------------------

CARRIER = """
connectors:
  carrier:
    kind: smpp
    hosts:
      - {address: "127.0.0.1:2775"}
    system_id: demo
    password: demo
"""
MOST = """
http:
  clients:
    - {name: shop, token: secret}
callbacks:
  listen: ["127.0.0.1:8776"]
connectors:
  carrier:
    kind: smpp
    hosts:
      - {address: "127.0.0.1:2775", tls: true}
    system_id: demo
    password: demo
    tlvs:
      - {tag: 0x1400, name: entity}
routes:
  - {via: [carrier]}
"""
"""Every section that is not there unless it is asked for, and what has no default."""

ABOUT_THE_MACHINE = {"node"}
INHERITED = {"connectors.carrier.retry"}


def surroundings(folder: Path) -> Surroundings:
    return Surroundings(environ={}, directory=folder)


def effective(config: Config) -> dict[str, object]:
    """What `--print` shows, by path; entries of lists are `[]`."""

    def walk(value: object, path: str) -> Iterator[tuple[str, object]]:
        if isinstance(value, dict) and value and all(map(str.isidentifier, value)):
            for key, item in value.items():
                yield from walk(item, f"{path}.{key}" if path else str(key))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from walk(item, f"{path}[]")
        else:
            yield path, value

    return dict(walk(yaml.safe_load(render(config)), ""))


def documented() -> dict[str, str]:
    """The default as documented, by path."""
    common = {
        key.replace(".NAME.", ".carrier."): default
        for key, default in table(CONFIGURATION, "key").items()
    }
    smpp = {f"connectors.carrier.{k}": d for k, d in table(SMPP, "key").items()}
    assert not common.keys() & smpp.keys()
    return common | smpp


def put(document: object, path: str, value: object) -> None:
    """Set what a path such as `http.clients[].rate` means in a YAML document."""
    first, _, rest = path.partition(".")
    assert isinstance(document, dict)
    if not rest:
        document[first] = value
        return
    name = first.removesuffix("[]")
    inner = document.setdefault(name, {})
    if inner is True:
        inner = document[name] = {}
    for each in inner if isinstance(inner, list) else [inner]:
        put(each, rest, value)


class TestConfiguration:
    def test_every_key_is_documented_and_no_other(self, tmp_path: Path) -> None:
        known = set(effective(loads(MOST, surroundings(tmp_path))))
        known -= {key for key in known if key.startswith(tuple(INHERITED))}
        told = set(documented()) - INHERITED
        # A section has a line of its own where there is something to say about it.
        sections = {
            key for key in told if any(other.startswith((f"{key}.", f"{key}[]"))
                                       for other in known)
        }  # fmt: skip
        assert told - sections == known

    def test_the_defaults_are_those_of_the_code(self, tmp_path: Path) -> None:
        expected = loads(MOST, surroundings(tmp_path))
        known = set(effective(expected))
        document = yamlfile.parse(MOST)
        needed = set()
        for path, told in documented().items():
            if path not in known or path in ABOUT_THE_MACHINE:
                continue
            if told == "–":
                needed.add(path)
                continue
            text = "null" if told == "none" else told.strip("`")
            put(document, path, yamlfile.parse(text))
        assert loads(yaml.safe_dump(document), surroundings(tmp_path)) == expected
        assert needed == {
            "callbacks.listen",
            "http.clients[].name",
            "http.clients[].token",
            "connectors.carrier.kind",
            "connectors.carrier.hosts[].address",
            "connectors.carrier.system_id",
            "connectors.carrier.password",
            "connectors.carrier.tlvs[].tag",
            "connectors.carrier.tlvs[].name",
            "routes[].via",
        }

    def test_a_wrong_default_would_be_found(self, tmp_path: Path) -> None:
        document = yamlfile.parse(MOST)
        put(document, "connectors.carrier.reconnect.max", "61s")
        expected = loads(MOST, surroundings(tmp_path))
        assert loads(yaml.safe_dump(document), surroundings(tmp_path)) != expected

    @pytest.mark.parametrize("fence", fences("yaml"), ids=str)
    def test_examples_load(self, fence: Fence, tmp_path: Path) -> None:
        example = yamlfile.parse(fence.text)
        if isinstance(example, list):
            file = tmp_path / "faults.yaml"
            file.write_text(fence.text, encoding="utf-8")
            assert read_faults(str(file))
        else:
            assert isinstance(example, dict)
            whole = supplied(completed(example), tmp_path)
            environ = {
                "CREDENTIALS_DIRECTORY": str(tmp_path),
                "ESMED_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            }
            where = Surroundings(environ=environ, directory=tmp_path)
            config = loads(yaml.safe_dump(whole), where)
            assert config.warnings == ()


PROVIDER = """
connectors:
  carrier: {kind: smstraffic-soap, base_urls: ["https://a"], login: l, password: p}
routes:
  - {via: [carrier]}
"""
"""Of a kind whose own keys are few: those of every provider are to be seen."""


class TestProviders:
    def test_every_key_is_documented_and_no_other(self, tmp_path: Path) -> None:
        known = set(effective(loads(PROVIDER, surroundings(tmp_path))))
        prefix = "connectors.carrier."
        keys = {key.removeprefix(prefix) for key in known if key.startswith(prefix)}
        keys = {"retry" if key.startswith("retry.") else key for key in keys}
        keys |= {f"tls.{field.name}" for field in fields(Tls)}
        assert set(table(CONFIGURATION, "of a provider")) == keys - {
            "tls",
            "kind",
            "login",
            "password",
        }

    def test_the_defaults_are_those_of_the_code(self, tmp_path: Path) -> None:
        expected = loads(PROVIDER, surroundings(tmp_path))
        document = yamlfile.parse(PROVIDER)
        for key, default in table(CONFIGURATION, "of a provider").items():
            if default not in {"–", "as at the top level"}:
                text = "null" if default == "none" else default.strip("`")
                put(document, f"connectors.carrier.{key}", yamlfile.parse(text))
        given = loads(yaml.safe_dump(document), surroundings(tmp_path))
        assert given == expected


class TestReload:
    def test_when_each_key_takes_effect(self, tmp_path: Path) -> None:
        told = {
            key.replace(".NAME", ".carrier"): effect
            for key, effect in table(CONFIGURATION, "reloaded").items()
        }
        config = loads(MOST, surroundings(tmp_path))
        keys = [path.replace("[]", "") for path in effective(config)]
        expected = {key: effect_of(key, config) for key in keys}
        assert expected == {
            key: told[max(filter(partial(covers, key), told), key=len)] for key in keys
        }
        assert [one for one in told if not any(covers(key, one) for key in keys)] == []


def covers(key: str, section: str) -> bool:
    """Whether a key is, or is in, that section."""
    return f"{key}.".startswith(f"{section}.")


def effect_of(key: str, config: Config) -> str:
    """What the program makes of another value of that key."""
    first, _, rest = key.partition(".carrier.")
    if first == "connectors":
        in_place = config.connectors["carrier"].in_place
        return "at once" if rest.partition(".")[0] in in_place else "new binds"
    return "at once" if any(covers(key, one) for one in AT_ONCE) else "restart"


def completed(example: Mapping[object, object]) -> dict[object, object]:
    """A fragment with what it takes to be a whole configuration."""
    whole = dict(example)
    base = yamlfile.parse(CARRIER)
    assert isinstance(base, dict)
    (carrier,) = base["connectors"].values()
    connectors = whole.get("connectors") or base["connectors"]
    assert isinstance(connectors, dict)
    routes = whole.get("routes") or [{"via": list(connectors)}]
    assert isinstance(routes, list)
    for route in routes:
        for name in route["via"]:
            connectors.setdefault(name, carrier)
    clients = [route["client"] for route in routes if "client" in route]
    if clients and "http" not in whole:
        given = [{"name": name, "token": name} for name in clients]
        whole["http"] = {"clients": given}
    return {**whole, "connectors": connectors, "routes": routes}


def supplied(value: object, folder: Path) -> object:
    """A configuration whose files and credentials are there."""
    match value:
        case {"file": str(name), **rest} if not rest:
            (folder / Path(name).name).write_text(Path(name).name[-8:])
            return {"file": Path(name).name}
        case {"credential": str(name), **rest} if not rest:
            (folder / name).write_text(name[-8:])
            return value
        case dict():
            copy = {key: supplied(item, folder) for key, item in value.items()}
            for key in {"ca", "certificate", "key"} & copy.keys():
                copy[key] = f"{key}.pem"
                (folder / f"{key}.pem").touch()
            return copy
        case list():
            return [supplied(item, folder) for item in value]
        case _:
            return value


class TestStatuses:
    def test_what_they_mean(self) -> None:
        text = SMPP.read_text(encoding="utf-8").partition("## What a status means")[2]
        told = {
            name: word
            for names, word in re.findall(r"(?m)^\| (R.*?) \| `(\w+)` \|", text)
            for name in re.findall(r"\bR[A-Z_]+\b", names)
        }
        known = {"throttle", "queue_full", "temporary", "message", "account"}
        assert set(told.values()) == known
        meant = {
            each.name.removeprefix("ESME_"): Statuses().action(each)
            for each in CommandStatus
            if each
        }
        assert told.items() <= meant.items()
        assert {
            name
            for name, word in meant.items()
            if word not in {"protocol", "temporary"}
        } <= told.keys()


# --- commands ------------------------------------------------------------------------


def calls() -> list[tuple[str, list[str]]]:
    """The arguments of each call of the program in the documents, with its place."""
    found: list[tuple[str, list[str]]] = []
    for fence in fences("", "sh"):
        for line in fence.text.replace("\\\n", " ").splitlines():
            found += [(str(fence), arguments) for arguments in invocations(line)]
    for file in DOCS:
        for line in re.findall(r"(?m)^ {4}(esmed .*)$", prose(file)):
            found += [(file.name, arguments) for arguments in invocations(line)]
    return found


def invocations(line: str) -> Iterator[list[str]]:
    """The arguments of each call of the program in a line of shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("<>"):
            continue
        if not set(word) <= set("();|&"):
            call.append(word)
            continue
        while call and (re.match(r"\w+=", call[0]) or call[0] in {"$", "sudo"}):
            del call[0]
        if call and Path(call[0]).name == "esmed":
            yield call[1:]
        call = []


class TestCommands:
    @pytest.mark.parametrize(("place", "arguments"), calls())
    def test_they_parse(
        self,
        place: str,
        arguments: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (tmp_path / "faults.yaml").write_text("[]")
        monkeypatch.chdir(tmp_path)
        parse(arguments)

    def test_a_wrong_one_would_not(self) -> None:
        ((arguments),) = invocations("A=b .venv/bin/esmed run --config x --nonsense")
        with pytest.raises(SystemExit):
            parse(arguments)

    @pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
    def test_those_within_sentences_exist(self, file: Path) -> None:
        for command in re.findall(r"`esmed ([a-z-]+)", prose(file)):
            with pytest.raises(SystemExit) as ended:
                parse([command, "--help"])
            assert ended.value.code == 0


def parse(arguments: list[str]) -> None:
    try:
        cli._parser(simulating=cli.simulated(arguments)).parse_args(arguments)
    except SystemExit as ended:
        if ended.code or "--version" not in arguments:
            raise


# --- what operators watch ------------------------------------------------------------


def families() -> dict[str, str]:
    """The type of each metric of ours, by the name of its samples."""
    text = Metrics(routes=()).render().decode()
    found = re.findall(r"(?m)^# TYPE (esmed_\w+) (\w+)$", text)
    return dict(found)


def events() -> set[str]:
    """Every event that the program logs."""
    found = set()
    for path in sorted((ROOT / "esmed").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="info" | "warning" | "error"),
                    args=[ast.Constant(value=str(event))],
                ) if re.fullmatch(r"[a-z]+(\.[a-z_]+)*", event):
                    found.add(event)
                case ast.Call(
                    func=ast.Name(id="tell" | "warn"),
                    args=[ast.Constant(value=str(event))],
                ):
                    found.add(event)
                case _:
                    pass
    return found


class TestOperations:
    def test_every_metric_is_documented_and_no_other(self) -> None:
        told = {
            re.sub(r"\{.*", "", name): kind
            for name, kind in table(OPERATIONS, "metric").items()
        }
        assert told == families()

    def test_every_log_event_is_documented_and_no_other(self) -> None:
        assert set(table(OPERATIONS, "event")) == events()


# --- how it is built -----------------------------------------------------------------


def test_the_layers_are_those_that_the_imports_are_held_to() -> None:
    told = table(ARCHITECTURE, "layer")
    assert set(told) == {layer.name for layer in LAYERS}
    for layer in LAYERS:
        below = told[layer.name]
        if below != "all":
            named = set() if below == "–" else set(below.split(", "))
            assert named == layer.below, layer.name


@pytest.mark.parametrize(
    "package",
    ["pdu", "esmed", "esmed/bridge", "esmed/smpp", "esmed/store", "esmed/api"],
)
def test_every_module_is_on_the_map(package: str) -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    _, _, section = text.partition(f"### `{package}/`\n")
    rows = re.findall(r"(?m)^\| (`[^|]*) \|", re.split(r"(?m)^#", section)[0])
    told = [name for row in rows for name in re.findall(r"`(\w+\.py)`", row)]
    assert sorted(told) == sorted(path.name for path in (ROOT / package).glob("*.py"))


# --- links ---------------------------------------------------------------------------


def anchors(file: Path) -> set[str]:
    """Of the headings, as forges make them."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(file))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("file", DOCS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(file)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#\s]+)\)", index))
    for file in (ROOT / "docs").rglob("*.md"):
        name = str(file.relative_to(ROOT / "docs"))
        assert name in linked | {"README.md"}, name
