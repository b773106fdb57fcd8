"""The examples of docs/http-api.md, tried."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes.httprig import Rig

from esmed.api.schema import MAX_DATA, Submit
from esmed.api.table import OPERATIONS
from esmed.models import MessageState

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
BLOCKS = re.findall(r"```http\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def without_ids(value: Any) -> Any:
    return json.loads(ID.sub("ID", json.dumps(value)))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4
    assert len(PAGE.splitlines()) <= 230


@pytest.mark.parametrize(("request_", "answer"), EXAMPLES)
async def test_an_example(rig: Rig, request_: str, answer: str) -> None:
    head, _, body = request_.partition("\n\n")
    first, *lines = head.splitlines()
    method, path = first.split()
    headers = dict(line.split(": ", 1) for line in lines)
    reply = await rig.call(method, path, data=body.encode(), headers=headers)
    head, _, body = answer.partition("\n\n")
    first, *lines = head.splitlines()
    assert reply.status == int(first.split()[1])
    assert lines == [f"Content-Type: {reply.headers['Content-Type']}"]
    assert without_ids(reply.json) == without_ids(json.loads(body))


def test_every_field_state_and_path_is_told() -> None:
    for name in Submit.__struct_encode_fields__:
        assert f"`{name}`" in PAGE
    for state in MessageState:
        assert f"`{state}`" in PAGE
    for operation in OPERATIONS:
        assert operation.path.rsplit("/", 1)[-1] in PAGE
    assert f"{MAX_DATA:,} octets" in PAGE
