"""sd_notify(3), with a stand-in for the service manager's socket."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esmed.sdnotify import Notifier


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(30)
        yield sock


CALLS: list[tuple[Callable[[Notifier], None], bytes]] = [
    (Notifier.ready, b"READY=1"),
    (lambda n: n.stopping(1.5), b"STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000"),
    (Notifier.alive, b"WATCHDOG=1"),
    (lambda n: n.status("carrier: bound"), b"STATUS=carrier: bound"),
    (lambda n: n.status(" a\nREADY=1 "), b"STATUS=a READY=1"),
]


@pytest.mark.parametrize(("call", "sent"), CALLS)
def test_states(
    call: Callable[[Notifier], None],
    sent: bytes,
    manager: socket.socket,
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "notify")
    manager.bind(path)
    call(Notifier({"NOTIFY_SOCKET": path}))
    assert manager.recv(1000) == sent


def test_a_reload_is_dated(manager: socket.socket, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    manager.bind(path)
    before = time.monotonic_ns()
    Notifier({"NOTIFY_SOCKET": path}).reloading()
    after = time.monotonic_ns()
    state, at = manager.recv(1000).decode().split("\n")
    assert state == "RELOADING=1"
    name, _, microseconds = at.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before // 1000 <= int(microseconds) <= after // 1000


def test_an_abstract_socket(manager: socket.socket) -> None:
    manager.bind(b"\0esmed-test-%d" % os.getpid())
    Notifier({"NOTIFY_SOCKET": f"@esmed-test-{os.getpid()}"}).ready()
    assert manager.recv(1000) == b"READY=1"


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    Notifier({}).ready()


def test_a_manager_that_is_gone_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "notify.failed" in caplog.text


def test_a_manager_that_does_not_read_does_no_harm(
    manager: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "notify")
    manager.bind(path)
    notifier = Notifier({"NOTIFY_SOCKET": path})
    for _ in range(10_000):
        notifier.alive()
        if caplog.text:
            break
    assert "notify.failed" in caplog.text


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
    ],
)
def test_watchdog(environ: dict[str, str], seconds: float | None) -> None:
    assert Notifier(environ).watchdog == seconds
