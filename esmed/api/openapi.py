"""The OpenAPI document, written from the table of operations and its types."""

from typing import Any, Final

import msgspec

from esmed import __version__
from esmed.api.problems import NDJSON, Problem
from esmed.api.schema import Submit
from esmed.api.table import OPERATIONS, BatchItem, Operation

_REF: Final = "#/components/schemas/{name}"
_EVERY_CLIENT: Final = (401, 403, 421)
_PARAMETERS: Final = {
    "id": "The id of a message",
    "name": "The name of a connector",
    "operation": "The name of an operation",
}


def document() -> dict[str, Any]:
    """Return the document as plain JSON values."""
    types: list[object] = [Problem, BatchItem]
    for operation in OPERATIONS:
        types += operation.answers
        if operation.body is not None:
            types.append(operation.body)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    # Decided by the checks of a body, which its types cannot tell.
    components["Submit"]["required"] = ["to"]
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        entry = paths.setdefault(operation.path, {})
        entry[operation.method.lower()] = _operation(operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "esmed",
            "version": __version__,
            "description": "An SMS gateway. Times are RFC 3339 in UTC.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": schemas[repr(Problem)]}}
    refusals = {
        *operation.refusals,
        *(_EVERY_CLIENT if _needs_token(operation) else ()),
    }
    answer: dict[str, Any] = {"description": "Done"}
    if operation.answers:
        shapes = [schemas[repr(one)] for one in operation.answers]
        schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
        answer["content"] = {"application/json": {"schema": schema}}
        if operation.lines:
            answer["content"][NDJSON] = {"schema": schemas[repr(BatchItem)]}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): answer,
            **{
                str(status): {"description": "Refused", "content": problem}
                for status in sorted(refusals)
            },
        },
        # Without clients in the configuration nobody needs a token on this machine.
        "security": [{"token": []}, {}] if _needs_token(operation) else [],
    }
    if operation.body is not None:
        schema = schemas[repr(operation.body)]
        described["requestBody"] = {
            "required": isinstance(operation.body, type),
            "content": {"application/json": {"schema": schema}},
        }
        if operation.lines:
            described["requestBody"]["content"][NDJSON] = {
                "schema": schemas[repr(Submit)]
            }
    return described


def _needs_token(operation: Operation) -> bool:
    return operation.access != "anyone"


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
        }
        for name, description in _PARAMETERS.items()
        if f"{{{name}}}" in operation.path
    ]
    found += [
        {
            "name": one.name,
            "in": "query",
            "description": one.description,
            "schema": one.schema,
        }
        for one in operation.query
    ]
    if operation.name in {"submit", "batch"}:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body has the first answer, for 24 h",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return found
