"""What the daemon does by itself while it runs, and what its metrics ask for.

Each of the endless ones belongs to a task of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Final

from esmed.clock import Clock
from esmed.dispatch import Dispatch
from esmed.errors import StoreError
from esmed.metrics import Metrics
from esmed.store.sqlite import SqliteStore

CHECKPOINT_EVERY: Final = 2.0
LAG_EVERY: Final = 0.5
LAG_OF: Final = 60.0
VITALS_EVERY: Final = 5.0


def set_gauges(metrics: Metrics, dispatch: Dispatch, store: SqliteStore) -> None:
    """Set what is asked for only when somebody reads the metrics."""
    for name, connector in dispatch.connectors.items():
        usage = connector.usage()
        meters = metrics.connector(name)
        meters.state(connector.health().state)
        meters.queue_messages.set(dispatch.waiting_for[name])
        meters.window_used.set(usage.window_used)
        meters.window_size.set(usage.window_size)
        meters.rate_limit.set(usage.rate or 0)
    metrics.store_free_bytes.set(store.free_bytes())


async def measure_lag(metrics: Metrics) -> None:
    """Measure how late the loop wakes us; shown is the worst of the last minute."""
    lags: deque[float] = deque(maxlen=round(LAG_OF / LAG_EVERY))
    while True:
        before = time.monotonic()
        await asyncio.sleep(LAG_EVERY)
        lags.append(max(0.0, time.monotonic() - before - LAG_EVERY))
        metrics.loop_lag_seconds.set(max(lags))


async def look_at_queues(
    store: SqliteStore, dispatch: Dispatch, clock: Clock, metrics: Metrics
) -> None:
    """Set the gauges that take a question to the store."""
    while True:
        with contextlib.suppress(StoreError):
            vitals = await store.vitals()
            now = clock.now_ms()
            for name in dispatch.connectors:
                meters = metrics.connector(name)
                due_at = vitals.oldest.get(name, now)
                meters.queue_oldest.set(max(0, now - due_at) / 1000)
                meters.held.set(vitals.held.get(name, 0))
        await asyncio.sleep(VITALS_EVERY)


async def keep_log_short(store: SqliteStore) -> None:
    """Checkpoint the store's log when it has grown."""
    while True:
        await asyncio.sleep(CHECKPOINT_EVERY)
        with contextlib.suppress(StoreError):
            await store.checkpoint()
