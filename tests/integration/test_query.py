"""Asking the SMSC, by query_sm, what has become of what it never reported."""

from typing import Any

import pytest
from fakes.smsc import FakeSmsc
from integration.site import Site, connector, simulator

from esmed.simulator.faults import parse
from esmed.simulator.kinds import KINDS
from esmed.smpp import ancillary
from pdu import CommandStatus, GenericNack, QuerySm, QuerySmResp

HOUR = 3600


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ancillary, "EVERY", 0.01)


async def submitted(site: Site, **fields: Any) -> str:
    id_ = await site.submit(**fields)
    await site.reaches(id_, "submitted", "delivered")
    return id_


async def asked(smsc: FakeSmsc, count: int = 1) -> list[QuerySm]:
    bind = smsc.bound[-1]
    await smsc.until(lambda: len(bind.of(QuerySm)) >= count)
    return [pdu for pdu in bind.of(QuerySm) if isinstance(pdu, QuerySm)]


async def test_it_was_delivered(site: Site):
    async with simulator(faults=(parse("receipt_lost", KINDS),)) as smsc:
        await site.start(carrier=connector(smsc, query_sm=True, receipt_timeout="1h"))
        id_ = await submitted(site, text="x" * 200)
        assert (await site.message(id_))["state"] == "submitted"
        site.clock.shift(HOUR)
        message = await site.reaches(id_, "delivered")
        assert [one["receipt"]["text"] for one in message["segments"]] == [
            "query_sm",
            "query_sm",
        ]
        assert [event["type"] for event in await site.told(1)] == ["message.delivered"]


async def test_what_is_asked_and_asked_again(site: Site, smsc: FakeSmsc):
    """Only for what has not ended; as long as it is on its way, after longer pauses."""
    await site.start(carrier=connector(smsc, query_sm=True, receipt_timeout="1h"))
    id_ = await submitted(site)
    site.clock.shift(HOUR)
    (pdu,) = await asked(smsc)
    assert (pdu.message_id, pdu.source_addr_ton, pdu.source_addr) == ("m1", 5, "Shop")
    answer = QuerySmResp(sequence=pdu.sequence, message_id="m1", message_state=1)
    smsc.bound[0].send(answer)
    await site.reaches(id_, "buffered")
    site.clock.shift(60)
    (_, again) = await asked(smsc, 2)
    smsc.bound[0].send(
        QuerySmResp(
            sequence=again.sequence,
            message_id="m1",
            message_state=5,
            error_code=9,
            final_date="2611220000000000",
        )
    )
    message = await site.reaches(id_, "undeliverable")
    assert (message["error"]["code"], message["error"]["detail"]) == ("9", "UNDELIV")


@pytest.mark.parametrize(
    "answer",
    [
        GenericNack(status=int(CommandStatus.ESME_RINVCMDID)),
        QuerySmResp(status=int(CommandStatus.ESME_RQUERYFAIL)),
        QuerySmResp(message_id="m1", message_state=77),
        QuerySmResp(message_id="m1", message_state=7),
    ],
    ids=["generic_nack", "an error", "a state of its own", "unknown to it, too"],
)
async def test_it_cannot_tell(site: Site, smsc: FakeSmsc, answer: Any):
    await site.start(carrier=connector(smsc, query_sm=True, receipt_timeout="1h"))
    id_ = await submitted(site)
    site.clock.shift(HOUR)
    (pdu,) = await asked(smsc)
    smsc.bound[0].send(type(answer)(**{**_fields(answer), "sequence": pdu.sequence}))
    await site.reaches(id_, "unknown")


def _fields(pdu: Any) -> dict[str, Any]:
    return {name: getattr(pdu, name) for name in pdu.__struct_fields__}


async def test_it_says_nothing(site: Site, smsc: FakeSmsc):
    """Five questions, then it is unknown as it would have been before them."""
    keys = {"query_sm": True, "receipt_timeout": "1h", "response_timeout": "200ms"}
    await site.start(carrier=connector(smsc, **keys))
    id_ = await submitted(site)
    for count, pause in enumerate((HOUR, 60, 240, 960, 3840), 1):
        site.clock.shift(pause)
        await asked(smsc, count)
        assert (await site.message(id_))["state"] == "submitted"
    site.clock.shift(15_360)
    message = await site.reaches(id_, "unknown")
    assert message["error"]["detail"] == "no receipt within receipt_timeout"
    assert len(smsc.bound[0].of(QuerySm)) == 5


async def test_not_unless_it_is_configured(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc, receipt_timeout="1h"))
    id_ = await submitted(site)
    site.clock.shift(HOUR)
    await site.reaches(id_, "unknown")
    assert not smsc.bound[0].of(QuerySm)
