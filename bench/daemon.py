"""esmed, configured for the bench."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import processes

_CONFIG = """
store: {{url: "sqlite:///{folder}/esmed.db", durability: full}}
http: {{listen: ["127.0.0.1:{port}"], max_queued: 3000000}}
connectors:
  smsc:
    kind: smpp
    hosts: [{{address: "127.0.0.1:{smsc}"}}]
    system_id: {name}
    password: bench
    window: 100
routes: [{{via: [smsc]}}]
{webhooks}
"""

_WEBHOOKS = """
webhooks:
  url: http://127.0.0.1:{hook}/hook
  secret: bench-bench-bench-bench
"""


@contextlib.contextmanager
def daemon(
    folder: Path,
    name: str,
    smsc: int,
    hook: int | None = None,
    *,
    ready: str = "readyz",
    checkout: Path | None = None,
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The daemon with a store of its own; its HTTP port and its process.

    ``checkout``: of the version that lies there.
    """
    home = folder / name
    home.mkdir()
    port = processes.free_port()
    webhooks = "" if hook is None else _WEBHOOKS.format(hook=hook)
    config = home / "config.yaml"
    config.write_text(
        _CONFIG.format(folder=home, port=port, smsc=smsc, name=name, webhooks=webhooks)
    )
    command = processes.python("-m", "esmed", "run", "-c", str(config))
    with processes.running(command, home / "log", checkout) as process:
        processes.wait_for(f"http://127.0.0.1:{port}/{ready}", process)
        yield port, process


@contextlib.contextmanager
def simulator(folder: Path) -> Iterator[tuple[int, int]]:
    """The simulated SMSC; its port and its control port."""
    port, control = processes.free_port(), processes.free_port()
    command = processes.python(
        "-m", "esmed", "simulate", "smsc", "--quiet",
        "--port", str(port), "--control", f"127.0.0.1:{control}", "--keep", "1000",
    )  # fmt: skip
    with processes.running(command, folder / "smsc.log") as process:
        processes.wait_for(f"http://127.0.0.1:{control}/stats", process)
        yield port, control
