"""A raw load client: how fast is the simulator, without an ESME in the way?

    python tests/simulator/load.py [messages] [window]

It runs the simulator in a process of its own and prints what a message costs there:
submit_sm in, response out, receipt out, deliver_sm_resp in.
"""

import asyncio
import contextlib
import json
import os
import struct
import sys
import time
from pathlib import Path

from pdu import BindTransceiver, CommandId, Framer, SubmitSm, encode

_HEADER = struct.Struct(">IIII")


class LoadClient(asyncio.Protocol):
    """Keeps `window` submits unanswered; done when all receipts are here."""

    def __init__(self, messages: int, window: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.responses = self.receipts = 0
        self._messages, self._window = messages, window
        self._sent = 0
        self._framer = Framer()
        self._body = encode(
            SubmitSm(
                source_addr="esmed",
                source_addr_ton=5,
                destination_addr="380501234567",
                dest_addr_ton=1,
                dest_addr_npi=1,
                registered_delivery=1,
                short_message=b"A message of a usual length, that is to say a line.",
            )
        )[16:]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(encode(BindTransceiver(sequence=1, system_id="load")))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        out = []
        for frame in self._framer.feed(data):
            _, command, status, sequence = _HEADER.unpack_from(frame)
            if command == CommandId.SUBMIT_SM_RESP:
                assert status == 0
                self.responses += 1
            elif command == CommandId.DELIVER_SM:
                self.receipts += 1
                out.append(
                    _HEADER.pack(17, CommandId.DELIVER_SM_RESP, 0, sequence) + b"\0"
                )
        length = 16 + len(self._body)
        while self._sent < min(self._messages, self.responses + self._window):
            self._sent += 1
            sequence = self._sent + 1
            out.append(
                _HEADER.pack(length, CommandId.SUBMIT_SM, 0, sequence) + self._body
            )
        self._transport.write(b"".join(out))
        if self.receipts == self._messages and not self.done.done():
            self.done.set_result(None)


async def load(port: int, messages: int, window: int) -> float:
    """Seconds for that many messages and their receipts."""
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(
        lambda: LoadClient(messages, window), "127.0.0.1", port
    )
    await client.done
    took = time.perf_counter() - began
    transport.close()
    return took


_SIMULATE = """
import argparse, asyncio, sys
from esmed.simulator import cli
parser = argparse.ArgumentParser()
cli.add_arguments(parser)
sys.exit(asyncio.run(cli.run(parser.parse_args())))
"""


async def measure(messages: int, window: int, *options: str) -> None:
    """Print the rate of a few runs, and the processor time that a message took."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SIMULATE,
        "--port=0",
        "--quiet",
        *options,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        started = json.loads(await process.stdout.readline())
        port = int(started["listening"].rpartition(":")[2])
        await load(port, 2000, window)
        for _ in range(7):
            before = _cpu(process.pid)
            took = await load(port, messages, window)
            cpu = _cpu(process.pid) - before
            sys.stdout.write(
                f"{messages / took:8.0f} messages/s, simulator "
                f"{cpu / messages * 1e6:5.1f} µs each = {messages / cpu:.0f}/s a core\n"
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        assert await process.wait() == 0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    asyncio.run(
        measure(
            int(sys.argv[1]) if len(sys.argv) > 1 else 30_000,
            int(sys.argv[2]) if len(sys.argv) > 2 else 100,
            *sys.argv[3:],
        )
    )
