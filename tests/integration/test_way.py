"""Submit, response, receipt, webhook: the ordinary way, and the orders it may take."""

from fakes.smsc import FakeSmsc
from integration.site import (
    KEY,
    Site,
    a_bind,
    acknowledged,
    connector,
    receipt,
    submits,
)

from esmed.simulator import MoMessage, SmscSimulator
from pdu import DeliverSm, SubmitSm, SubmitSmResp

LONG = (
    "Ваше замовлення № 20417 вже в дорозі: кур'єр приїде сьогодні. Дякуємо!",
    "Happy birthday! 🎂🎉" * 8,
    "€ [brackets] {braces} ~ ^ | \\ " * 12,
    "x" * 160,
    "x" * 161,
    "ї" * 70,
    "ї" * 71,
)


async def test_there_and_back(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    id_ = await site.submit(to="+380 50 123 45 00", reference="order 7")
    [pdu] = await submits(smsc, 1)
    assert pdu.destination_addr == "380501234500"
    assert pdu.short_message == b"hello"
    message = await site.reaches(id_, "submitted")
    [attempt] = message["segments"][0]["attempts"]
    assert attempt["smsc_id"] == "m1"
    sent = receipt(await a_bind(smsc), "m1")
    message = await site.reaches(id_, "delivered")
    await acknowledged(smsc, sent)
    [event] = await site.told(1)
    assert event["type"] == "message.delivered"
    assert event["data"] == message
    assert message["reference"] == "order 7"
    [hook] = site.hook.received
    assert hook.is_signed_by(KEY)
    timeline = (await site.get(f"/v1/messages/{id_}/trace"))["timeline"]
    assert [entry["event"] for entry in timeline][:6] == [
        *("accepted", "routed", "attempt", "answer", "receipt", "final")
    ]
    [answer] = [entry for entry in timeline if entry["event"] == "answer"]
    assert answer["sequence_number"] == pdu.sequence
    assert answer["status"] == "ESME_ROK"


async def test_optional_parameters_there_and_back(site: Site, smsc: FakeSmsc):
    declared = [
        {"tag": 0x1400, "name": "dlt_entity", "required": True},
        {"tag": 0x1411, "name": "operator"},
    ]
    await site.start(carrier=connector(smsc, tlvs=declared, timezone="+03:00"))
    id_ = await site.submit(to="380501234500", tlvs={"dlt_entity": "1201"})
    [pdu] = await submits(smsc, 1)
    assert pdu.tlvs == ((0x1400, b"1201"),)
    bind = await a_bind(smsc)
    bind.deliver(
        DeliverSm(
            sequence=7001,
            esm_class=4,
            source_addr="380501234500",
            short_message=b"id:m1 done date:2601010305 stat:DELIVRD err:0A text:hi",
            tlvs=((0x1411, b"kyivstar"), (0x1499, b"\x01")),
        )
    )
    message = await site.reaches(id_, "delivered")
    came = message["segments"][0]["receipt"]
    assert came.pop("at")
    assert came == {
        "state": "delivered",
        "stat": "DELIVRD",
        "err": "0A",
        "done_at": "2026-01-01T00:05:00.000Z",
        "text": "id:m1 done date:2601010305 stat:DELIVRD err:0A",
        "tlvs": {"operator": "kyivstar", "0x1499": "01"},
    }
    timeline = (await site.get(f"/v1/messages/{id_}/trace"))["timeline"]
    [entry] = [entry for entry in timeline if entry["event"] == "receipt"]
    assert entry["tlvs"] == came["tlvs"]
    assert entry["text"] == came["text"]
    bind.deliver(
        DeliverSm(
            sequence=7002,
            source_addr="+380501234500",
            destination_addr="1234",
            short_message=b"hi",
            tlvs=((0x1411, b"kyivstar"),),
        )
    )
    events = await site.told(2)
    data = events[1]["data"]
    assert (data["from"], data["tlvs"]) == ("380501234500", {"operator": "kyivstar"})


async def test_optional_parameters_that_cannot_be(site: Site, smsc: FakeSmsc):
    declared = [{"tag": 0x1400, "name": "entity", "type": "int1", "required": True}]
    await site.start(carrier=connector(smsc, tlvs=declared))
    for given, field in (
        (None, "tlvs.entity"),
        ({"entity": 256}, "tlvs.entity"),
        ({"entity": 1, "other": 2}, "tlvs.other"),
    ):
        body = {"to": "380501234500", "text": "hi", "tlvs": given}
        status, answer = await site.ask("POST", "/v1/messages", body)
        assert status == 400
        assert [each["field"] for each in answer["errors"]] == [field]


async def test_texts_arrive_as_they_were(site: Site, simulator: SmscSimulator):
    await site.start(carrier=connector(simulator))
    ids = [await site.submit(text=text) for text in LONG]
    ids.append(await site.submit(text=None, data="00ff80" * 60))
    for id_ in ids:
        await site.reaches(id_, "delivered")
    found = simulator.messages()
    assert {message.text for message in found if message.text} == set(LONG)
    assert [message.data for message in found if not message.text] == ["00ff80" * 60]
    parts = {(await site.message(id_))["parts"] for id_ in ids}
    assert parts >= {1, 2, 3}


async def test_national_languages(site: Site, simulator: SmscSimulator):
    """What the tables make of a text is the SMSC's business only."""
    languages = ["tr", "es", "hi"]
    await site.start(carrier=connector(simulator, national=languages))
    texts = {
        "Yarın saat beşte görüşürüz. " * 5: 1,
        "¡Buenos días! Mañana llegará su envío. " * 4: 2,
        "आपका ऑर्डर भेज दिया गया है. " * 6: 2,
        "Завтра о п'ятій": 1,
    }
    for text, parts in texts.items():
        estimate = await site.post("/v1/estimate", {"text": text})
        national = not text.startswith("З")
        assert estimate["encoding"] == ("gsm7" if national else "ucs2")
        assert estimate["parts"] == parts
        assert estimate["forcing_characters"] == (
            [] if national else list(dict.fromkeys(text.translate({32: "", 39: ""})))
        )
        id_ = await site.submit(text=text)
        message = await site.reaches(id_, "delivered")
        assert (message["text"], message["parts"]) == (text, parts)
        assert message["encoding"] == estimate["encoding"]
    assert [message.text for message in simulator.messages()] == list(texts)
    for text in texts:
        for concat in ("udh16", "sar"):
            simulator.inject_mo(
                MoMessage(text=text, concat=concat, national=("ur", "hi", "es", "tr"))
            )
    events = await site.told(3 * len(texts))
    heard = [event["data"] for event in events if event["type"] == "inbound.received"]
    assert sorted(mo["text"] for mo in heard) == sorted([*texts, *texts])
    assert all(mo["complete"] for mo in heard)


async def test_receipt_before_its_response(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc))
    id_ = await site.submit()
    [pdu] = await submits(smsc, 1)
    bind = await a_bind(smsc)
    sent = receipt(bind, "early")
    await acknowledged(smsc, sent)
    assert (await site.message(id_))["state"] == "submitting"
    bind.send(SubmitSmResp(sequence=pdu.sequence, message_id="early"))
    await site.reaches(id_, "delivered")
    assert [event["type"] for event in await site.told(1)] == ["message.delivered"]


async def test_receipt_and_response_in_one_segment(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc))
    ids = [await site.submit(text=f"{number}") for number in range(20)]
    pdus = await submits(smsc, 10)
    bind = await a_bind(smsc)
    for number in range(20):
        pdus = await submits(smsc, number + 1)
        sent = receipt(bind, f"x{number}")
        bind.send(SubmitSmResp(sequence=pdus[number].sequence, message_id=f"x{number}"))
        await acknowledged(smsc, sent)
    for id_ in ids:
        await site.reaches(id_, "delivered")
    events = await site.told(20)
    assert [event["type"] for event in events] == ["message.delivered"] * 20


async def test_receipt_after_a_restart_on_the_other_host(
    site: Site, smsc: FakeSmsc, backup: FakeSmsc
):
    await site.start(carrier=connector(smsc, backup))
    id_ = await site.submit(text="x" * 200)
    await site.reaches(id_, "submitted")
    await site.stop()
    await smsc.stop()
    await site.start()
    bind = await a_bind(backup)
    assert (await site.message(id_))["state"] == "submitted"
    sent = [receipt(bind, "m1"), receipt(bind, "m2")]
    await acknowledged(backup, *sent)
    await site.reaches(id_, "delivered")
    assert len(smsc.submitted) == 2
    assert not backup.submitted


async def test_news_of_a_finished_message(site: Site, smsc: FakeSmsc):
    site.webhooks["events"] = ["message.*"]
    await site.start(carrier=connector(smsc))
    id_ = await site.submit()
    await submits(smsc, 1)
    bind = await a_bind(smsc)
    await site.reaches(id_, "submitted")
    receipt(bind, "m1", stat="UNDELIV", err="00b")
    message = await site.reaches(id_, "undeliverable")
    assert message["error"]["code"] == "00b"
    # The same again is nothing new; another state is, and unmakes nothing.
    again = receipt(bind, "m1", stat="UNDELIV", err="00b")
    other = receipt(bind, "m1", stat="DELIVRD")
    await acknowledged(smsc, again, other)
    events = await site.told(4)
    assert [event["type"] for event in events] == [
        *("message.queued", "message.submitted", "message.undeliverable"),
        "message.amended",
    ]
    assert events[-1]["data"]["state"] == "undeliverable"
    assert events[-1]["data"]["segments"][0]["state"] == "delivered"
    ids = [each.id for each in site.hook.received]
    assert len(set(ids)) == 4


async def test_no_receipt_asked(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    id_ = await site.submit(receipt="none")
    [pdu] = await submits(smsc, 1)
    assert pdu.registered_delivery == 0
    await site.reaches(id_, "sent")
    assert [event["type"] for event in await site.told(1)] == ["message.sent"]


async def test_no_receipt_comes(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc, receipt_timeout="72h"))
    id_ = await site.submit()
    await site.reaches(id_, "submitted")
    site.clock.shift(71 * 3600)
    late = await site.submit(text="2")
    await site.reaches(late, "submitted")
    assert (await site.message(id_))["state"] == "submitted"
    site.clock.shift(3601)
    message = await site.reaches(id_, "unknown")
    assert "receipt_timeout" in message["error"]["detail"]
    receipt(await a_bind(smsc), "m2")
    await site.reaches(late, "delivered")


async def test_refusals(site: Site, simulator: SmscSimulator):
    await site.start(carrier=connector(simulator))
    wanted = {"01": "undeliverable", "02": "expired", "03": "rejected"}
    wanted |= {"04": "delivered", "05": "rejected"}
    ids = {end: await site.submit(to=f"3805012345{end}") for end in wanted}
    for end, state in wanted.items():
        message = await site.reaches(ids[end], state)
        if end == "05":
            assert message["error"]["class"] == "message"
            assert message["error"]["code"] == 11
            assert "ESME_RINVDSTADR" in message["error"]["detail"]


async def test_a_part_refused_for_good_stops_the_rest(site: Site, smsc: FakeSmsc):
    seen: list[int] = []

    def second_is_refused(pdu: SubmitSm) -> SubmitSmResp:
        part = pdu.short_message[5]
        seen.append(part)
        if part == 2:
            return SubmitSmResp(sequence=pdu.sequence, status=0x0B)
        return smsc.accept(pdu)

    smsc.answer = second_is_refused
    await site.start(carrier=connector(smsc, window=1))
    id_ = await site.submit(text="x" * 700)
    await smsc.until(lambda: len(seen) >= 2)
    receipt(await a_bind(smsc), "m1")
    message = await site.reaches(id_, "rejected", "failed", "undeliverable")
    assert message["parts"] == 5
    states = [segment["state"] for segment in message["segments"]]
    assert states[0] == "delivered"
    assert set(states[1:]) == {message["state"]}
    assert set(seen) <= {1, 2}


async def test_receipts_of_a_pair(site: Site, simulator: SmscSimulator):
    """Sent over the transmitter, reported over the receiver."""
    await site.start(carrier=connector(simulator, bind="pair", sessions=2))
    ids = [await site.submit(text=text) for text in LONG]
    for id_ in ids:
        await site.reaches(id_, "delivered")
