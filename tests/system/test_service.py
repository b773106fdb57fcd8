"""What a service manager sees: sd_notify(3) and sd_listen_fds(3)."""

import asyncio
import contextlib
import signal
import socket
import sqlite3

from integration.client import LIMIT
from system.processes import Bench, Smsc, until
from system.set_up import config

from esmed.watchdog import LOOKS


class Manager:
    """Stands in for the service manager's notify socket."""

    def __init__(self, address: str) -> None:
        self.states: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)

    def hear(self) -> list[str]:
        """All that was told so far, status lines left out."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.states += self._socket.recv(4096).decode().splitlines()
        return [state for state in self.states if not state.startswith("STATUS=")]

    def close(self) -> None:
        self._socket.close()


async def test_notifications(processes: Bench, smsc: Smsc):
    # An abstract address: NUL stands in its name where the variable has "@".
    address = f"esmed-test-{processes.folder}"
    service = Manager(f"\0{address}")
    daemon = processes.daemon(config(smsc))
    daemon.environ["NOTIFY_SOCKET"] = f"@{address}"
    await daemon.start()
    await until(lambda: service.hear() == ["READY=1"], str(service.states))
    await until(
        lambda: (
            service.hear()
            and f"STATUS=carrier up ({smsc.address} bound)" in service.states
        )
    )
    smsc.kill()
    down = f"STATUS=carrier down ({smsc.address} connecting: "
    await until(
        lambda: service.hear() and any(one.startswith(down) for one in service.states)
    )
    assert await daemon.stop() == 0
    assert service.hear() == [
        *("READY=1", "STOPPING=1"),
        # shutdown_timeout, and what the rest takes.
        "EXTEND_TIMEOUT_USEC=45000000",
    ]
    service.close()


async def test_watchdog(processes: Bench, smsc: Smsc):
    """Fed in time, by a busy daemon as well, and while the store is locked."""
    service = Manager(str(processes.folder / "notify"))
    daemon = processes.daemon(config(smsc))
    daemon.environ["NOTIFY_SOCKET"] = str(processes.folder / "notify")
    daemon.environ["WATCHDOG_USEC"] = "8000000"
    await daemon.start()

    async def is_fed(times: int) -> None:
        enough = service.hear().count("WATCHDOG=1") + times
        await until(lambda: service.hear().count("WATCHDOG=1") >= enough)

    await daemon.reaches(await daemon.submit(), "delivered")
    await is_fed(3)
    with contextlib.closing(
        sqlite3.connect(processes.folder / "esmed.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        submission = asyncio.create_task(
            daemon.ask("POST", "/v1/messages", {"to": "380501234500", "text": "x"})
        )
        await daemon.find("store.unavailable")
        # Longer than any part may be stuck.
        await is_fed(LOOKS + 1)
        other.execute("ROLLBACK")
    await submission
    assert "watchdog.withheld" not in daemon.log
    assert await daemon.stop() == 0
    service.close()


async def test_a_hanging_process_tells_where(processes: Bench, smsc: Smsc):
    """When the watchdog has waited long enough, systemd sends SIGABRT."""
    processes.tolerates_complaints = True
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    assert await daemon.stop(signal.SIGABRT) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in daemon.log
    assert "esmed/store/writer.py" in daemon.log


async def test_not_ready_before_the_store_is(processes: Bench, smsc: Smsc):
    service = Manager(str(processes.folder / "notify"))
    daemon = processes.daemon(config(smsc))
    daemon.environ["NOTIFY_SOCKET"] = str(processes.folder / "notify")
    await daemon.start()
    await daemon.bound()
    id_ = await daemon.submit()
    await daemon.reaches(id_, "delivered")
    daemon.kill()
    assert service.hear() == ["READY=1"]
    # Recovery has to write, and cannot.
    with contextlib.closing(
        sqlite3.connect(processes.folder / "esmed.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        daemon.spawn()
        assert await daemon.exited(LIMIT) == 1
        other.execute("ROLLBACK")
    store = processes.folder / "esmed.db"
    assert f"cannot open {store}: database is locked" in daemon.log
    assert service.hear() == ["READY=1"]
    await daemon.start()
    assert (await daemon.message(id_))["state"] == "delivered"
    await until(lambda: service.hear() == ["READY=1", "READY=1"], str(service.states))
    assert await daemon.stop() == 0
    service.close()


async def test_inherited_socket(processes: Bench, smsc: Smsc):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        daemon = processes.daemon(config(smsc))
        # Nobody hears this.
        daemon.environ["NOTIFY_SOCKET"] = str(processes.folder / "nobody")
        await daemon.start(pass_fds=(listener.fileno(),))
        assert "notify.failed" in daemon.log
        assert daemon.url == f"http://127.0.0.1:{port}"
        await daemon.reaches(await daemon.submit(), "delivered")
        assert await daemon.stop() == 0
        # Who comes while it is away is served once it is back.
        with socket.create_connection(("127.0.0.1", port)) as early:
            early.settimeout(LIMIT)
            early.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await daemon.start(pass_fds=(listener.fileno(),))
            assert early.recv(1000).startswith(b"HTTP/1.1 200")
        assert await daemon.stop() == 0
