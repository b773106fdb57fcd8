"""The load client against a simulator in this process: nothing gets lost at speed."""

from simulator.conftest import Simulate
from simulator.load import load


async def test_every_message_is_answered_and_reported_on(simulate: Simulate):
    simulator = await simulate(keep=1000)
    await load(simulator.port, 5000, 100)
    stats = simulator.stats
    assert (stats.submits, stats.receipts.sent) == (5000, 5000)
    assert (stats.duplicates, stats.waiting) == (4999, 0)
    assert simulator.messages(after=4990)[-1].number == 5000
