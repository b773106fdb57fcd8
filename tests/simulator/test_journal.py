"""The file of what was accepted."""

import json
from pathlib import Path

from simulator.conftest import Connect, Simulate
from simulator.peer import until

from esmed.simulator.faults import parse
from esmed.simulator.kinds import KINDS


async def test_a_line_for_each_message_accepted(
    simulate: Simulate, bound_peer: Connect, tmp_path: Path
):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"number": 0}\n')
    simulator = await simulate(
        journal=path, first_id=7, outcomes=("9=ESME_RINVDSTADR", "=none")
    )
    peer = await bound_peer(simulator)
    await peer.submit(source_addr='"shop"', short_message=b"\0\xff")
    await peer.submit(destination_addr="9")
    await peer.submit(registered_delivery=0)
    await peer.submit(
        data_coding=8, esm_class=0x40, short_message=b"\5\0\3\1\2\1\4\x10"
    )
    # What is answered is in the file.
    _, first, _, second = map(json.loads, path.read_text().splitlines())
    assert first.pop("at") <= second.pop("at")
    assert first.pop("session") == second.pop("session")
    assert first == {
        "number": 1,
        "id": "7",
        "response": 0.0,
        "system_id": "esme",
        "from": '"shop"',
        "to": "380501234567",
        "esm_class": 0,
        "data_coding": 0,
        "short_message": "00ff",
    }
    assert (second["esm_class"], second["short_message"]) == (64, "0500030102010410")


async def test_which_connection_and_when_it_is_answered(
    simulate: Simulate, bound_peer: Connect, tmp_path: Path
):
    path = tmp_path / "journal.jsonl"
    for faults in (("late_response delay=0.2",), ("no_response",), ()):
        simulator = await simulate(
            journal=path, faults=tuple(parse(fault, KINDS) for fault in faults)
        )
        peer = await bound_peer(simulator)
        peer.start_submit()
        await until(lambda: simulator.stats.submits == 1)  # noqa: B023 - awaited here
        await simulator.stop()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["response"] for entry in entries] == [0.2, None, 0.0]
    assert len({entry["session"] for entry in entries}) == 3
