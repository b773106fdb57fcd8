from datetime import datetime
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from esmed.api import bodies
from esmed.refusals import InvalidError

Digits = Annotated[str, Meta(pattern="^[0-9]+$")]


class Line(Struct, forbid_unknown_fields=True):
    number: Annotated[Digits, Meta(description="with country")]
    kind: Literal["mt", "mo"] | None = None


class Order(Struct, kw_only=True, forbid_unknown_fields=True):
    since: Annotated[datetime | None, Meta(description="from then on")] = None
    colour: Literal[1, 2] = 1
    ids: Annotated[list[Digits], Meta(description="a message's")] = []
    plain: Digits | None = None
    size: Annotated[int, Meta(ge=1)] | None = None
    lines: list[Line] = []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"colour": 3}', "colour: expected one of 1, 2"),
        (b'{"lines": [{"number": "1", "kind": "x"}]}', "kind: expected one of mo, mt"),
        (b'{"plain": "x"}', "plain: is not of the form ^[0-9]+$"),
        (b'{"ids": ["1", "x"]}', "ids[1]: is not of the form ^[0-9]+$ (a message's)"),
        (
            b'{"lines": [{"number": "1"}, {"number": "x"}]}',
            "lines[1].number: is not of the form ^[0-9]+$ (with country)",
        ),
        (b'{"size": 0}', "size: Expected int >= 1"),
        (b'{"size": "x"}', "size: Expected int | null, got str"),
        (b'{"since": "noon"}', "since: expected a time with its offset (RFC 3339)"),
        (b'{"lines": [{}]}', "number: is needed"),
    ],
)
def test_in_words(body: bytes, told: str) -> None:
    with pytest.raises(InvalidError) as raised:
        bodies.arguments(body, Order)
    assert told in str(raised.value)
