"""Kannel against `esmed simulate smsc`, over real sockets and both HTTP interfaces."""

from pathlib import Path

import pytest
from peers.kannel import kannel, missing
from peers.simulated import simulated
from peers.texts import CYRILLIC, EMOJI, EMOJIS, EURO, EUROS, ONE, PARTS

TO = "3805012345"
UNDELIVERABLE, REJECTED, DELIVERED, TAKEN = "2", "16", "1", "8"
"""Bits of Kannel's dlr-mask."""
ANSWERED = frozenset({TAKEN, DELIVERED})

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.mark.parametrize(
    ("id_form", "msg_id_type"), [("hex-in-response", 1), ("hex-in-receipt", 2)]
)
async def test_both_ways(tmp_path: Path, id_form: str, msg_id_type: int):
    with simulated(f"--id-form={id_form}", f"--first-id={0xABCDEF01}") as smsc:
        async with kannel(tmp_path, smsc.port, msg_id_type) as peer:
            texts = {f"{TO}{number}0": text for number, text in enumerate(PARTS)}
            for to, text in texts.items():
                await peer.send(to, text, ucs2=text in {CYRILLIC, EMOJI, EMOJIS})
            await peer.send(f"{TO}01", ONE, ucs2=False)
            await peer.send(f"{TO}05", ONE, ucs2=False)
            found = await smsc.messages("kannel", len(texts) + 1)
            assert {one["to"]: one["text"] for one in found} == {
                **texts,
                f"{TO}01": ONE,
            }
            expected = dict.fromkeys(texts, ANSWERED)
            expected[f"{TO}01"] = frozenset({TAKEN, UNDELIVERABLE})
            expected[f"{TO}05"] = frozenset({REJECTED})
            await peer.until(lambda: _kinds(peer.receipts) == expected)

            sent: dict[str, str] = {}
            for concat in ("udh8", "udh16", "sar"):
                for text, order in (
                    (CYRILLIC, (3, 1, 2)),
                    (EMOJIS, (2, 3, 1)),
                    (EUROS, (3, 2, 1)),
                    (EURO, (1,)),
                    (EMOJI, (1,)),
                ):
                    phone = f"{TO}{len(sent):03}"
                    await smsc.mo(
                        "kannel",
                        **{"from": phone, "to": "1234", "text": text},
                        concat=concat,
                        parts_order=order,
                    )
                    sent[phone] = text
            await peer.until(lambda: len(peer.mo) == len(sent))
            heard = {mo["from"].removeprefix("+"): mo["text"] for mo in peer.mo}
            assert heard == sent


@pytest.mark.parametrize(
    "how",
    [
        "unbind",
        pytest.param("fin", marks=pytest.mark.slow),
        pytest.param("rst", marks=pytest.mark.slow),
    ],
)
async def test_it_comes_back(tmp_path: Path, how: str):
    with simulated() as smsc:
        async with kannel(tmp_path, smsc.port, 0) as peer:
            await smsc.ask("POST", "/drop", {"how": how})
            await smsc.until(lambda stats: stats["binds"] == 2)
            await peer.send(f"{TO}90", EURO, ucs2=False)
            (found,) = await smsc.messages("kannel", 1)
            assert found["text"] == EURO
            # It does not end well with receipts in its hands.
            await peer.until(lambda: len(peer.receipts) == 2)


def _kinds(receipts: list[dict[str, str]]) -> dict[str, frozenset[str]]:
    numbers = {receipt["to"] for receipt in receipts}
    return {
        number: frozenset(one["kind"] for one in receipts if one["to"] == number)
        for number in numbers
    }
