"""ESMEs of other people's making against `esmed simulate smsc`, over real sockets.

Texts, receipts and parts; each ESME's ordinary life is in tests/simulator/.
"""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
from peers import clients, rust
from peers.peer import COMMANDS, Peer, Seen, missing, script
from peers.simulated import Simulated, simulated
from peers.texts import CYRILLIC, EMOJI, EMOJIS, EURO, EUROS, GREEK, ONE, PARTS

TO = "380501234567"
NAMES = ("node-smpp", "Net::SMPP", "smpp34", "smpplib", "aiosmpplib")


@pytest.fixture(scope="module")
def smsc() -> Iterator[Simulated]:
    first = f"--first-id={0xABCDEF01}"
    with simulated("--id-form=hex-in-response", first, "--enquire-link=200ms") as smsc:
        yield smsc


@pytest.fixture(params=NAMES)
async def esme(
    request: pytest.FixtureRequest, smsc: Simulated, stack: AsyncExitStack
) -> Peer:
    name: str = request.param
    why = missing(name)
    if why is not None:
        pytest.skip(why)
    peer = await stack.enter_async_context(_running(name, smsc.port))
    await smsc.until(lambda stats: stats["bound"].get(name))
    return peer


def _running(name: str, port: int) -> AbstractAsyncContextManager[Peer]:
    match name:
        case "smpp34":
            return rust.running(rust.Esme(port, name))
        case "smpplib":
            return clients.smpplib_esme(port, name)
        case "aiosmpplib":
            return clients.aiosmpplib_esme(port, name)
        case _:
            return script(
                name,
                COMMANDS[name],
                role="esme",
                port=port,
                system_id=name,
                password="secret",
            )


def receipts(esme: Peer) -> list[Seen]:
    return [seen for seen in esme.of("deliver_sm") if seen.fields["esm_class"] & 4]


async def test_submits_and_receipts(smsc: Simulated, esme: Peer):
    """Every text arrives; hex in the response, decimal in the receipt."""
    for number, text in enumerate(PARTS):
        await esme.send(
            "submit_sm",
            text,
            concat="udh8" if PARTS[text] > 1 else None,
            order="reversed",
            data_coding=0 if text in {ONE, EURO, EUROS, GREEK} else 8,
            source_addr="Shop",
            destination_addr=f"{TO}{number}",
            registered_delivery=1,
        )
    found = await smsc.messages(esme.name, len(PARTS))
    assert {one["to"]: one["text"] for one in found} == {
        f"{TO}{number}": text for number, text in enumerate(PARTS)
    }
    ids = {id_ for one in found for id_ in one["ids"]}
    # aiosmpplib tells of the answers, and mostly of the receipts, of a message in parts
    # only once.
    told = len(PARTS) if esme.name == "aiosmpplib" else len(ids)
    assert len(ids) > len(PARTS)
    responses = await esme.count("submit_sm_resp", told)
    await esme.until(lambda: len(receipts(esme)) >= told)
    assert {answer.status for answer in responses} == {0}
    answered = {str(answer.fields["message_id"]) for answer in responses}
    received = {str(one.fields["receipted_message_id"]) for one in receipts(esme)}
    assert len(answered) == told <= len(received)
    assert answered <= ids
    assert received <= {str(int(id_, 16)) for id_ in ids}
    for receipt in receipts(esme):
        id_ = receipt.fields["receipted_message_id"]
        assert receipt.text is not None
        assert receipt.text.startswith(f"id:{id_} ")
        assert "stat:DELIVRD" in receipt.text


async def test_mo(smsc: Simulated, esme: Peer):
    """Parts out of order, joined by them as they read the references."""
    texts: list[tuple[str, tuple[int, ...]]] = [
        (CYRILLIC, (3, 1, 2)),
        (EMOJIS, (2, 3, 1)),
        (EUROS, (3, 2, 1)),
        (EMOJI, (1,)),
        (EURO, (1,)),
    ]
    sent: dict[str, str] = {}
    for concat in ("udh8", "udh16", "sar"):
        if (esme.name, concat) == ("aiosmpplib", "udh16"):
            continue  # 0.7.4 takes reference, total and part for the reference
        for text, order in texts:
            phone = f"{TO}{len(sent):02}"
            parts = await smsc.mo(
                esme.name,
                **{"from": phone, "to": "1234", "text": text},
                concat=concat,
                parts_order=order,
            )
            assert parts == len(order)
            sent[phone] = text
    wholes = await esme.whole(len(sent), "deliver_sm")
    heard = {whole.parts[0].fields["source_addr"]: whole.text for whole in wholes}
    assert heard == sent
