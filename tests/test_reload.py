"""`esmed.reload`: what changes while the daemon runs, and what becomes of its links."""

import ast
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

import esmed.smpp
from esmed.config import Config, loads
from esmed.errors import ConfigError
from esmed.reload import AT_ONCE, Changes, compare
from esmed.secret import Surroundings
from esmed.settings import differences
from esmed.smpp.config import Config as SmppConfig

CARRIER: dict[str, Any] = {
    "kind": "smpp",
    "hosts": [{"address": "127.0.0.1:2775"}],
    "system_id": "me",
    "password": "hush",
}
BASE: dict[str, Any] = {
    "node": "one",
    "http": {"clients": [{"name": "shop", "token": "one"}]},
    "webhooks": {"url": "http://127.0.0.1:9000/sms", "secret": "one"},
    "connectors": {"a": CARRIER, "b": CARRIER},
    "routes": [{"via": ["a", "b"]}],
}


def read(document: dict[str, Any]) -> Config:
    text = yaml.safe_dump(document, sort_keys=False)
    return loads(text, Surroundings(environ={}, directory=Path("/")))


def changed(path: str, value: Any) -> dict[str, Any]:
    """The base with another value at that path; None takes the key away."""
    document = deepcopy(BASE)
    *sections, key = path.split(".")
    section = document
    for name in sections:
        section = section.setdefault(name, {})
    if value is None:
        del section[key]
    else:
        section[key] = value
    return document


class TestKeys:
    @pytest.mark.parametrize(
        ("path", "value", "told"),
        [
            ("node", "two", "node"),
            ("store.retention", "1d", "store.retention"),
            ("store.erase_text", "final", "store.erase_text"),
            ("http.max_queued", 5, "http.max_queued"),
            ("http.clients", [{"name": "shop", "token": "two"}], "http.clients"),
            ("log.level", "debug", "log.level"),
            ("webhooks.secret", "two", "webhooks.secret"),
            ("webhooks.events", ["message.*"], "webhooks.events"),
            ("routes", [{"via": ["a"], "to": "380"}], "routes"),
            ("shutdown_timeout", "5s", "shutdown_timeout"),
        ],
    )
    def test_at_once(self, path: str, value: Any, told: str) -> None:
        changes = compare(read(BASE), read(changed(path, value)))
        assert changes == Changes(kept=("a", "b"), keys=(told,))

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("store.url", "sqlite:///other.db"),
            ("store.durability", "normal"),
            ("http.listen", ["127.0.0.1:1"]),
            ("http.max_body", "1MiB"),
        ],
    )
    def test_needs_a_restart(self, path: str, value: Any) -> None:
        with pytest.raises(ConfigError) as refused:
            compare(read(BASE), read(changed(path, value)))
        (fault,) = refused.value.faults
        assert fault.path == path
        assert fault.message.startswith("needs a restart")

    def test_all_of_them_are_told(self) -> None:
        document = changed("store", {"url": "sqlite:///x", "durability": "normal"})
        document["shutdown_timeout"] = "1s"
        with pytest.raises(ConfigError) as refused:
            compare(read(BASE), read(document))
        paths = [fault.path for fault in refused.value.faults]
        assert paths == ["store.url", "store.durability"]

    def test_nothing(self) -> None:
        assert compare(read(BASE), read(BASE)) == Changes(kept=("a", "b"))

    def test_the_common_retry_is_that_of_the_connectors(self) -> None:
        document = changed("retry", {"attempts": 3})
        document["connectors"] = {"a": {**CARRIER, "retry": {"attempts": 10}}}
        document["routes"] = [{"via": ["a"]}]
        before = deepcopy(document)
        before["retry"] = {"attempts": 4}
        assert compare(read(before), read(document)) == Changes(
            kept=("a",), keys=("retry.attempts",)
        )
        changes = compare(read(BASE), read(changed("retry", {"attempts": 3})))
        assert changes.adjusted == ("a", "b")

    def test_what_is_listed_exists(self) -> None:
        before = read(BASE)
        for path in AT_ONCE:
            section: Any = before
            for step in path.split("."):
                section = getattr(section, step)


class TestConnectors:
    @pytest.mark.parametrize(
        ("key", "value", "fate"),
        [
            ("window", 5, "adjusted"),
            ("rate", "20/s", "adjusted"),
            ("on_unknown", "hold", "adjusted"),
            ("retry", {"attempts": 2}, "adjusted"),
            ("receipts", "last", "adjusted"),
            ("alphabet", "latin1", "adjusted"),
            ("priority_flag", {"high": 3}, "adjusted"),
            ("password", "whist", "changed"),
            ("hosts", [{"address": "127.0.0.1:2776"}], "changed"),
            ("hosts", [{"address": "127.0.0.1:2775", "tls": True}], "changed"),
            ("bind", "transmitter", "changed"),
            ("reconnect", {"max": "90s"}, "changed"),
            ("enquire_link", "20s", "changed"),
        ],
    )
    def test_one_key(self, key: str, value: Any, fate: str) -> None:
        connectors = {"a": {**CARRIER, key: value}, "b": CARRIER}
        changes = compare(read(BASE), read(changed("connectors", connectors)))
        assert (changes.kept, getattr(changes, fate)) == (("b",), ("a",))
        assert changes.keys == ()

    def test_one_key_that_needs_a_bind_is_enough(self) -> None:
        both = {**CARRIER, "window": 5, "system_type": "x"}
        document = changed("connectors", {"a": both, "b": CARRIER})
        assert compare(read(BASE), read(document)).changed == ("a",)

    def test_they_come_and_go(self) -> None:
        document = changed("connectors", {"c": CARRIER, "b": CARRIER, "d": CARRIER})
        document["routes"] = [{"via": ["b"]}]
        assert compare(read(BASE), read(document)) == Changes(
            kept=("b",), added=("c", "d"), removed=("a",), keys=("routes",)
        )

    def test_the_order_is_no_change(self) -> None:
        document = changed("connectors", {"b": CARRIER, "a": CARRIER})
        assert compare(read(BASE), read(document)) == Changes(kept=("b", "a"))

    def test_no_secret_is_told(self) -> None:
        document = changed("connectors.a.password", "whist")
        document["webhooks"]["secret"] = "whist"
        assert "whist" not in repr(compare(read(BASE), read(document)))


def used(file: Path) -> set[str]:
    """The keys of the configuration that a module of `esmed.smpp` reads."""
    return {
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and "config" in ast.unparse(node.value).rpartition(".")[2]
    }


@pytest.mark.parametrize("name", ["smpp/link", "smpp/hostbinds", "smpp/dial", "tls"])
def test_links_know_nothing_that_changes_without_a_new_bind(name: str) -> None:
    (folder,) = esmed.__path__
    assert not used(Path(folder) / f"{name}.py") & SmppConfig.in_place


def read_in(method: ast.AST) -> set[str]:
    """The keys that a method reads of what it is given as `config`."""
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "config"
    }


def classes() -> Iterator[tuple[str, dict[str, ast.AST]]]:
    """Each class of `esmed.smpp`, with its methods."""
    (folder,) = esmed.smpp.__path__
    for file in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                functions = [m for m in node.body if isinstance(m, ast.FunctionDef)]
                yield node.name, {method.name: method for method in functions}


def made_by(method: ast.AST) -> set[str]:
    """What a method calls by its bare name: classes among it."""
    return {
        node.func.id
        for node in ast.walk(method)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_what_changes_in_place_is_given_anew_to_those_who_were_given_it() -> None:
    found = dict(classes())
    again = {name: found[name].get("configure") for name in found}
    made_anew: set[str] = set()
    making = [method for method in again.values() if method is not None]
    while making:
        new = made_by(making.pop()) - made_anew
        made_anew |= new
        known = [found.get(name, {}) for name in new]
        making += [one["__init__"] for one in known if "__init__" in one]
    given = {
        name: read_in(methods["__init__"]) & SmppConfig.in_place
        for name, methods in found.items()
        if "__init__" in methods and name not in made_anew
    }
    assert any(given.values())
    for name, keys in given.items():
        method = again[name]
        assert keys <= (set() if method is None else read_in(method)), name


def test_that_would_be_found() -> None:
    (folder,) = esmed.smpp.__path__
    assert {"bind_timeout", "system_id"} <= used(Path(folder) / "link.py")


def test_differences_are_told_by_key() -> None:
    one, two = read(BASE), read(changed("webhooks.timeout", "1s"))
    assert list(differences(one, two)) == ["webhooks.timeout"]
    assert list(differences(one.webhooks, two.webhooks, "x")) == ["x.timeout"]
