"""The processes that are measured: started, waited for, and ended by their own id."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the time of the block; with a ``folder`` it is begun there, and
    Python's modules are that folder's."""
    environment = None if folder is None else {**os.environ, "PYTHONPATH": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, env=environment
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def python(*arguments: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *arguments]


def ask(url: str) -> bytes:
    """The body at a URL."""
    with urlopen(url, timeout=10) as answer:
        content: bytes = answer.read()
        return content


def answers(url: str) -> bool:
    """Whether somebody answers at a URL, whatever it is."""
    try:
        ask(url)
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
    return True


def is_good(url: str) -> bool:
    """Whether the URL answers 200."""
    try:
        ask(url)
    except (URLError, OSError):
        return False
    return True


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Return when it is true, as long as the process lives."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"{process.args!r} does not come up"
            raise RuntimeError(message)
        time.sleep(0.05)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the URL answers 200."""
    wait_until(lambda: is_good(url), process)


def acknowledged(control: int) -> int:
    """Receipts that the simulated SMSC has had acknowledged."""
    stats = json.loads(ask(f"http://127.0.0.1:{control}/stats"))
    return int(stats["receipts"]["acknowledged"])


def taken(hook: int) -> int:
    """Webhooks that the application has taken."""
    return int(json.loads(ask(f"http://127.0.0.1:{hook}/hook"))["count"])


def resident_mib(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of a process now."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process has ended")
