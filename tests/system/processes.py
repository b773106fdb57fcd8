"""The daemon and the simulated SMSC as processes, which tests start, break and end.

Each process dies with the one that started it, even if that is killed, so no test
leaves one behind. They are ended by their own id only.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
from integration.client import LIMIT, Client

import esmed

_ROOT: Final = Path(esmed.__file__).parent.parent

# PR_SET_PDEATHSIG (1) ends us with our parent; it may have gone before we asked.
_GUARDED: Final = """
import ctypes, os, runpy, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
given = [int(fd) for fd in os.environ.pop("TEST_LISTEN_FDS", "").split(":") if fd]
if given:
    # Two steps, since one of them may be in another's place.
    for number, fd in enumerate([os.dup(fd) for fd in given], 3):
        os.dup2(fd, number)
    os.environ.update(LISTEN_FDS=str(len(given)), LISTEN_PID=str(os.getpid()))
del sys.argv[1]
runpy.run_module("esmed", run_name="__main__", alter_sys=True)
"""

_COMPLAINTS: Final = re.compile(
    r"Traceback|never retrieved|never awaited|ResourceWarning|Exception ignored"
)


async def until(
    condition: Callable[[], object],
    why: Callable[[], str] | str = "",
    *,
    limit: float = LIMIT,
) -> None:
    """Return when the condition holds; AssertionError if it never does."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(why if isinstance(why, str) else why())
        await asyncio.sleep(0.01)


class Process:
    """``python -m esmed …``, again and again; its output goes to a file."""

    def __init__(
        self,
        folder: Path,
        name: str,
        arguments: Sequence[str],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.log_path = folder / f"{name}.log"
        self.arguments = list(arguments)
        self.environ = dict(environ or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0

    def spawn(self, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it, without waiting for anything.

        ``pass_fds`` are what it inherits from its service manager.
        """
        assert self._process is None
        self._began = self.log_path.stat().st_size if self.log_path.exists() else 0
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NOTIFY_", "LISTEN_", "ESMED_", "STATE_DIR", "COV"))
        }
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "always::ResourceWarning"),
                    *("-c", _GUARDED, str(os.getpid()), *self.arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={
                    **environ,
                    "PYTHONPATH": str(_ROOT),
                    "TEST_LISTEN_FDS": ":".join(map(str, pass_fds)),
                    **self.environ,
                },
                pass_fds=pass_fds,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has written since it was last started."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(self._began)
            return file.read().decode(errors="replace")

    @property
    def resident_mib(self) -> float:
        """Its memory now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("it has ended")

    @property
    def descriptors(self) -> int:
        """How many files it has open now."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    async def find(self, pattern: str) -> re.Match[str]:
        """Wait for its output to have something."""
        found: re.Match[str] | None = None

        def is_there() -> bool:
            nonlocal found
            alive = self.running
            found = re.search(pattern, self.log)
            if found is None and not alive:
                raise AssertionError(f"it ended without {pattern}:\n{self.log}")
            return found is not None

        await until(is_there, lambda: f"no {pattern} in:\n{self.log}")
        assert found is not None
        return found

    def kill(self) -> None:
        """SIGKILL, and gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def exited(self, limit: float = LIMIT) -> int:
        """Wait for its end; its exit code."""
        process = self._process
        assert process is not None
        await until(
            lambda: process.poll() is not None,
            lambda: f"it does not end:\n{self.log}",
            limit=limit,
        )
        self._process = None
        return process.wait()

    async def stop(self, number: int = signal.SIGTERM, limit: float = LIMIT) -> int:
        """End it properly; its exit code."""
        self.send_signal(number)
        return await self.exited(limit)

    @property
    def complaints(self) -> list[str]:
        """Lines of its whole output that no daemon should write."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_text(errors="replace").splitlines()
        return [line for line in lines if _COMPLAINTS.search(line)]


class Daemon(Process, Client):
    """``esmed run``; ``config`` may be changed between starts."""

    def __init__(self, folder: Path, config: str, name: str = "daemon") -> None:
        self.config_path = folder / f"{name}.yaml"
        Process.__init__(self, folder, name, ("run", "-c", str(self.config_path)))
        Client.__init__(self)
        self.config = config

    async def start(self, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it and wait until it says that it is ready."""
        self.spawn(pass_fds=pass_fds)
        await self.ready()

    def spawn(self, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it with the present ``config``."""
        self.config_path.write_text(self.config)
        super().spawn(pass_fds=pass_fds)

    async def ready(self) -> None:
        """Wait for it to serve HTTP."""
        found = await self.find(r"app\.ready .*?http=(127\.0\.0\.1:\d+)")
        self.url = f"http://{found[1]}"


class Smsc(Process):
    """``esmed simulate smsc``, with journal and control; it keeps its ports."""

    def __init__(self, folder: Path, *options: str, name: str = "smsc") -> None:
        self.port, self._control = free_ports(2)
        self.journal_path = folder / f"{name}.jsonl"
        super().__init__(
            folder,
            name,
            (
                *("simulate", "smsc", "--quiet", "--port", str(self.port)),
                *("--control", f"127.0.0.1:{self._control}"),
                *("--journal", str(self.journal_path), *options),
            ),
        )
        self._session = aiohttp.ClientSession()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self.spawn()
        await self.find(r'"control"')

    async def do(self, method: str, path: str, body: object = None) -> Any:
        """Use its control interface."""
        url = f"http://127.0.0.1:{self._control}{path}"
        async with self._session.request(method, url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def fault(self, **fault: Any) -> None:
        """Have something go wrong from now on."""
        await self.do("POST", "/fault", fault)

    async def heal(self) -> None:
        """End all faults."""
        await self.do("DELETE", "/fault")

    async def stats(self) -> Any:
        """Its figures."""
        return await self.do("GET", "/stats")

    async def reaches(self, condition: Callable[[Any], object]) -> Any:
        """Wait for its figures to be so."""
        deadline = time.monotonic() + LIMIT
        while True:
            stats = await self.stats()
            if condition(stats):
                return stats
            assert time.monotonic() < deadline, stats
            await asyncio.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody uses now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class Bench:
    """Makes processes for a test and ends whatever of them still runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[Process] = []
        self._sessions: list[aiohttp.ClientSession] = []
        self.tolerates_complaints = False

    def daemon(self, config: str, name: str = "daemon") -> Daemon:
        daemon = Daemon(self.folder, config, name)
        self._processes.append(daemon)
        self._sessions.append(daemon.session)
        return daemon

    def process(self, name: str, *arguments: str) -> Process:
        process = Process(self.folder, name, arguments)
        self._processes.append(process)
        return process

    def smsc(self, *options: str, name: str = "smsc") -> Smsc:
        smsc = Smsc(self.folder, *options, name=name)
        self._processes.append(smsc)
        self._sessions.append(smsc._session)
        return smsc

    async def close(self) -> None:
        for process in self._processes:
            process.kill()
        for session in self._sessions:
            await session.close()


@contextlib.asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """A bench that is cleared at the end."""
    made = Bench(folder)
    try:
        yield made
    finally:
        await made.close()
    complaints = [c for process in made._processes for c in process.complaints]
    assert made.tolerates_complaints or not complaints, complaints
