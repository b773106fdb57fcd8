"""Priorities that share one connector: nobody waits for what is less urgent, nobody
starves."""

from fakes.smsc import FakeSmsc
from integration.site import Site, connector, simulator, submits

from pdu import SubmitSm


async def batch(site: Site, count: int, priority: str) -> None:
    """Send many messages whose text is their priority."""
    messages = [{"to": f"38050{number:07}"} for number in range(count)]
    body = {
        "defaults": {"text": priority, "priority": priority},
        "messages": messages,
    }
    await site.post("/v1/messages/batch", body)


async def test_shares_of_a_small_rate(site: Site):
    async with simulator() as smsc:
        carrier = connector(smsc, rate="40/s", window=1000)
        carrier["shares"] = {"high": 5, "normal": 3, "bulk": 2}
        await site.start(carrier=carrier)
        await site.bound()
        await site.post("/v1/connectors/carrier/pause")
        for priority in ("bulk", "normal", "high"):
            await batch(site, 60, priority)
        await site.post("/v1/connectors/carrier/resume")
        for message in await site.messages():
            await site.reaches(message["id"], "delivered")
        texts = [message.text for message in smsc.messages()]
        contended = texts[:100]
        counts = [contended.count(one) for one in ("high", "normal", "bulk")]
        assert counts == [50, 30, 20]
        # What the urgent have no more use for goes to the others.
        assert texts[-20:] == ["bulk"] * 20


async def test_an_otp_behind_a_campaign_at_a_full_window(site: Site, smsc: FakeSmsc):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    site.max_queued = 30_000
    await site.start(carrier=connector(smsc, window=4))
    await site.bound()
    for _ in range(10):
        await batch(site, 1000, "bulk")
    await submits(smsc, 4)
    await site.submit(text="otp", priority="high")
    smsc.bound[0].send(smsc.accept(held[0]))
    await submits(smsc, 5)
    assert smsc.texts[4:] == ["otp"]


async def test_an_otp_and_what_goes_again(site: Site, smsc: FakeSmsc):
    """What was throttled is at the head of its own line, not of all."""
    held: list[SubmitSm] = []
    smsc.answer = held.append
    await site.start(carrier=connector(smsc, window=4))
    await site.bound()
    await batch(site, 10, "bulk")
    await submits(smsc, 4)
    await site.submit(text="otp", priority="high")
    smsc.bound[0].send(*map(smsc.throttle, held[:4]))
    await submits(smsc, 5)
    smsc.bound[0].send(smsc.accept(held[4]))
    await submits(smsc, 9)
    assert smsc.texts[4:5] == ["otp"]
    again = [pdu.destination_addr for pdu in held[5:9]]
    assert again == [pdu.destination_addr for pdu in held[:4]]
