"""What a provider is answered, and its operations run on such answers: no network."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from esmed.bridge.base import HttpCall, NoReply, Procedure, Provider, Reply, Wait

_MANY = 1000
"""Steps after which an operation is taken to have no end."""


def answer(body: str | bytes, status: int = 200, **headers: str) -> Reply:
    octets = body.encode() if isinstance(body, str) else body
    return Reply(status=status, body=octets, headers=headers)


def procedure_of(provider: Provider, name: str) -> Procedure:
    (procedure,) = [one for one in provider.procedures() if one.name == name]
    return procedure


def run(
    procedure: Procedure,
    arguments: object,
    answers: Iterable[Reply | NoReply],
    now: int,
) -> tuple[Any, list[HttpCall | Wait]]:
    """What an operation comes to whose calls are answered so, and its steps.

    It may need fewer answers, and no more. Nobody waits.
    """
    steps = procedure.run(msgspec.convert(arguments, procedure.arguments), now)
    asked: list[HttpCall | Wait] = []
    left = iter(answers)
    try:
        step = next(steps)
        for _ in range(_MANY):
            asked.append(step)
            if isinstance(step, Wait):
                step = steps.send(Reply(status=0))
                continue
            match next(left, None):
                case None:
                    pytest.fail(f"{procedure.name} asks for more")
                case NoReply() as lost:
                    step = steps.throw(lost)
                case reply:
                    step = steps.send(reply)
    except StopIteration as ended:
        return ended.value, asked
    pytest.fail(f"{procedure.name} goes on for ever")


def calls(asked: Iterable[HttpCall | Wait]) -> list[HttpCall]:
    return [step for step in asked if isinstance(step, HttpCall)]
