"""The example of docs/providers.md works as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

from esmed.bridge.base import Outgoing, Provider, Reply
from esmed.models import Accepted, Fault, FaultClass, Rejected, Request, Unknown
from esmed.secret import Secret

GUIDE = Path(__file__).parents[2] / "docs" / "providers.md"


def acme() -> Provider:
    (source,) = re.findall(
        r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {"__name__": "esmed.providers.acme"}
    exec(compile(source, str(GUIDE), "exec"), names)  # noqa: S102 - our own document
    config = names["Config"](
        base_urls=("https://api.acme.example",), api_key=Secret("hush")
    )
    provider: Provider = names["create"](config)
    return provider


def message(to: str) -> Outgoing:
    request = Request(to=to, from_="Shop", text="Привіт")
    return Outgoing(id="1", request=request, sender="Shop", expires_at=1000)


def test_it_sends_and_reads() -> None:
    provider, batch = acme(), [message("380501"), message("380502"), message("380503")]
    call = provider.build(batch, 0)
    assert "hush" not in repr(call)
    assert json.loads(call.body)["messages"][0] == {"to": "380501", "text": "Привіт"}  # type: ignore[union-attr]
    told = Reply(status=200, body=b'{"ids": {"380501": "a1", "380502": 17}}')
    assert provider.parse(batch, told, 0).outcomes == [
        Accepted("a1"),
        Rejected(Fault(FaultClass.MESSAGE, 17, "refused by Acme")),
        Unknown("the answer does not name the number"),
    ]


def test_it_survives_what_it_cannot_read() -> None:
    provider, batch = acme(), [message("380501")]
    for body in (b"", b"<html>", b"[1]", b'{"ids": 5}'):
        answer = provider.parse(batch, Reply(status=200, body=body), 0)
        assert isinstance(answer.outcomes[0], Unknown)
    assert provider.parse_probe(Reply(status=401)) is not None
    assert provider.refusal(Request(to="380501", data=b"\0")) is not None
