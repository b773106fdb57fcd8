"""`esmed simulate smsc`: arguments, start, stop."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from simulator.peer import PATIENCE, Peer, bound

from esmed.simulator import SmscOptions, SmscSimulator, cli
from esmed.simulator.identifiers import IdForm
from esmed.simulator.kinds.traffic import Mo, Throttle
from esmed.simulator.mo import MoMessage
from esmed.simulator.outcomes import STANDARD
from esmed.simulator.values import Rate, Seconds
from esmed.simulator.wire import ReceiptForm


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(arguments)


class TestArguments:
    def test_none(self):
        options = cli.options_of(parsed())
        assert options == SmscOptions(port=2775, outcomes=STANDARD)

    def test_all(self, tmp_path: Path):
        faults = tmp_path / "faults.yaml"
        faults.write_text(
            "- {kind: throttle, at: 10, for: 5s, limit: 20/s}\n- drop every=60\n"
        )
        options = cli.options_of(
            parsed(
                *("--host", "::1", "--port", "0", "--smsc-id", "S"),
                *("--tls-certificate", "c.pem", "--tls-key", "k.pem"),
                *("--system-id", "me", "--password", "secret", "--max-binds", "2"),
                *("--max-transceivers", "1"),
                *("--enquire-link", "30s", "--id-form", "hex-in-response"),
                *("--first-id", "5", "--outcome", "none", "--outcome", "9=EXPIRED"),
                *("--receipt-form", "tlv", "--receipt-delay", "1s"),
                *("--response-delay", "20ms", "--deliver-window", "7"),
                *("--redeliver-after", "1m", "--attempts", "3", "--keep", "10"),
                *("--fault", "fin after=100", "--faults", str(faults), "--seed", "4"),
                *("--mo-text", "Hi", "--mo-from", "1", "--mo-to", "2"),
                *("--mo-every", "5s", "--alphabet", "latin1"),
                *("--journal", "j.jsonl", "--control", "127.0.0.1:0", "--quiet"),
            )
        )
        throttle, drop, fin, mo = options.faults
        assert isinstance(throttle, Throttle)
        assert throttle == Throttle(at=Seconds(10), for_=Seconds(5), limit=Rate(20))
        assert [drop.kind, fin.kind, fin.after] == ["drop", "fin", 100]
        assert isinstance(mo, Mo)
        message = MoMessage(text="Hi", from_="1", to="2")
        assert mo == Mo(since="bind", every=Seconds(5), message=message)
        assert options == SmscOptions(
            host="::1",
            smsc_id="S",
            tls_certificate=Path("c.pem"),
            tls_key=Path("k.pem"),
            system_id="me",
            password="secret",
            max_binds=2,
            max_transceivers=1,
            enquire_link=30,
            id_form=IdForm.HEX_IN_RESPONSE,
            first_id=5,
            outcomes=("9=EXPIRED",),
            receipt_form=ReceiptForm.TLV,
            receipt_delay=1,
            response_delay=0.02,
            deliver_window=7,
            redeliver_after=60,
            attempts=3,
            faults=options.faults,
            seed=4,
            alphabet="latin1",
            keep=10,
            journal=Path("j.jsonl"),
        )

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--fault", "magic"], "fault kind 'magic' is none of"),
            (["--faults", "/nonexistent.yaml"], "No such file"),
            (["--outcome", "1=DELIVERED"], "is not a command_status"),
            (["--port", "-1"], "-1 is below 0"),
            (["--port", "65536"], "65536 is above 65535"),
            (["--control", "127.0.0.1:65536"], "is not HOST:PORT"),
            (["--max-binds", "many"], "invalid literal"),
            (["--control", "8080"], "is not HOST:PORT"),
            (["--enquire-link", "often"], "is not a duration"),
            (["--id-form", "roman"], "invalid choice"),
        ],
    )
    def test_nonsense(
        self,
        arguments: list[str],
        complaint: str,
        capsys: pytest.CaptureFixture[str],
    ):
        with pytest.raises(SystemExit) as stopped:
            parsed(*arguments)
        assert stopped.value.code == 2
        assert complaint in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["kind: drop", "[", "- magic at=1"])
    def test_files_of_faults_that_are_none(self, tmp_path: Path, text: str):
        path = tmp_path / "faults.yaml"
        path.write_text(text)
        with pytest.raises(SystemExit):
            parsed("--faults", str(path))


_MAIN = """
import argparse, asyncio, sys
from esmed.simulator import cli
parser = argparse.ArgumentParser()
cli.add_arguments(parser)
sys.exit(asyncio.run(cli.run(parser.parse_args())))
"""


class Process:
    """The command in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, started: dict[str, str]):
        self.process = process
        self.started = started

    def port(self, of: str) -> int:
        return int(self.started[of].rpartition(":")[2])

    async def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Exit code and what it logged."""
        self.process.send_signal(number)
        _, logged = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        assert self.process.returncode is not None
        return self.process.returncode, logged.decode()


async def start(*arguments: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _MAIN,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    return Process(process, json.loads(line))


@pytest.fixture
async def peers() -> AsyncIterator[list[Peer]]:
    peers: list[Peer] = []
    yield peers
    for peer in peers:
        peer.close()


class TestRunning:
    async def test_from_start_to_sigterm(self, tmp_path: Path, peers: list[Peer]):
        journal = tmp_path / "journal"
        running = await start(
            *("--port", "0", "--control", "127.0.0.1:0", "--journal", str(journal)),
            *("--password", "secret"),
        )
        assert set(running.started) == {"listening", "control"}
        peer = await bound(running.port("listening"), password="secret")
        peers.append(peer)
        await peer.submit()
        await peer.delivery()
        url = f"http://{running.started['control']}/stats"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert (await response.json())["submits"] == 1
        code, logged = await running.stop(signal.SIGTERM)
        assert code == 0
        assert "bound as transceiver" in logged
        assert "secret" not in logged
        assert await peer.ended() is None
        assert len(journal.read_text().splitlines()) == 1

    async def test_quiet_until_sigint(self, peers: list[Peer]):
        running = await start("--port", "0", "--quiet")
        peers.append(await bound(running.port("listening")))
        assert await running.stop(signal.SIGINT) == (0, "")

    async def test_what_cannot_start(self, capsys: pytest.CaptureFixture[str]):
        taken = SmscSimulator()
        await taken.start()
        used = str(taken.port)
        assert await cli.run(parsed("--port", used)) == 1
        assert "in use" in capsys.readouterr().err
        other = ("--port", "0", "--control", f"127.0.0.1:{used}")
        assert await cli.run(parsed(*other)) == 1
        assert await cli.run(parsed("--port", "0", "--journal", "/proc/x/y")) == 1
        assert await cli.run(parsed("--port", "0", "--tls-certificate", "/x")) == 1
        await taken.stop()

    async def test_over_ipv6(self, capsys: pytest.CaptureFixture[str]):
        arguments = ("--host", "::1", "--port", "0", "--control", "[::1]:0")
        task = asyncio.create_task(cli.run(parsed(*arguments)))
        while not task.done():
            await asyncio.sleep(0.01)
            if line := capsys.readouterr().out:
                started = json.loads(line)
                assert all(each.startswith("[::1]:") for each in started.values())
                assert set(started) == {"listening", "control"}
                signal.raise_signal(signal.SIGTERM)
                break
        assert await task == 0
