"""The document says what the server does."""

import re
from typing import Any

import pytest
from fakes.httprig import Rig

from esmed.api import openapi
from esmed.api.table import OPERATIONS, ROUTES
from esmed.views import MessageView

DOCUMENT = openapi.document()


def references(value: Any) -> list[str]:
    match value:
        case dict():
            own = [value["$ref"]] if "$ref" in value else []
            return own + [one for item in value.values() for one in references(item)]
        case list():
            return [one for item in value for one in references(item)]
        case _:
            return []


async def test_it_is_served(rig: Rig) -> None:
    reply = await rig.get("/openapi.json")
    assert reply.json == DOCUMENT


def test_every_operation_is_described_once() -> None:
    described = {
        (method.upper(), path)
        for path, entry in DOCUMENT["paths"].items()
        for method in entry
    }
    assert described == {(one.method, one.path) for one in OPERATIONS}
    assert len(described) == len(OPERATIONS)
    assert set(DOCUMENT["paths"]) == set(ROUTES)
    names = [one.name for one in OPERATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
async def test_the_server_has_it(rig: Rig, operation: Any) -> None:
    path = re.sub(r"{\w+}", "x", operation.path)
    reply = await rig.call(operation.method, path)
    assert reply.status != 405
    if reply.status == 404:
        assert "nothing at this path" not in reply.json["detail"]


async def test_the_server_has_nothing_else(rig: Rig) -> None:
    for path in ROUTES:
        reply = await rig.call("OPTIONS", re.sub(r"{\w+}", "x", path))
        allowed = set(reply.headers["Allow"].split(", ")) - {"OPTIONS", "HEAD"}
        assert allowed == {one.method for one in OPERATIONS if one.path == path}


def test_references_lead_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    found = references(DOCUMENT)
    assert len(found) > 20
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_path_parameters_are_declared() -> None:
    for path, entry in DOCUMENT["paths"].items():
        for described in entry.values():
            declared = {
                one["name"] for one in described["parameters"] if one["in"] == "path"
            }
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_the_message_object_and_the_submission() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["MessageView"]["required"]) == set(
        MessageView.__struct_encode_fields__
    )
    assert schemas["Submit"]["required"] == ["to"]
    assert {"from", "text", "udh", "on_unknown"} <= set(schemas["Submit"]["properties"])
    assert schemas["Submit"]["additionalProperties"] is False


def test_who_needs_a_token() -> None:
    free = {
        path
        for path, entry in DOCUMENT["paths"].items()
        for described in entry.values()
        if described["security"] == []
    }
    assert free == {"/healthz", "/readyz"}
