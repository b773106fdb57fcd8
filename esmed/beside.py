"""Work in threads that nobody waits for when the daemon stops."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """Do in a thread of its own what may never end, such as a question to a name
    server.

    Unlike those of `asyncio.to_thread` such threads are nobody else's: whoever has to
    close a file finds one, and the end of the process does not wait for them.
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)
