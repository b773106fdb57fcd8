"""What the stand-ins for providers share, and how they are started."""

import argparse
import asyncio
import json
import signal
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from simulator.peer import PATIENCE, until

from esmed.cli import main
from esmed.simulator.bridge import cli
from esmed.simulator.bridge.control import ProviderControl
from esmed.simulator.bridge.faults import ProviderFault
from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.httpfaults import HTTP_FAULTS, Delay
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcomes, Step, parse_rule
from esmed.simulator.bridge.register import Message, Register
from esmed.simulator.bridge.registry import kinds, simulator
from esmed.simulator.faults import parse
from esmed.simulator.providers.svitsms import Simulator
from esmed.simulator.values import Seconds

BALANCE = b"<request><operation>GETBALANCE</operation></request>"
SEND = (
    '<request><operation>SENDSMS</operation><message start_time="AUTO" '
    'end_time="AUTO" lifetime="4" rate="120" desc="" source="SMS">'
    "<body>Привіт</body><recipient>{to}</recipient></message></request>"
)


def fault(text: str) -> ProviderFault:
    return parse(text, HTTP_FAULTS)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    credentials = b64encode(b"380501234567:secret").decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def ask(
    session: aiohttp.ClientSession, provider: Simulator, body: bytes = BALANCE
) -> tuple[int, bytes]:
    async with session.post(provider.url, data=body) as response:
        return response.status, await response.read()


class TestOutcomes:
    def test_a_rule(self):
        suffix, outcome = parse_rule("07=refuse:ERRTEXT*2,SENT,Rejected:16")
        assert suffix == "07"
        assert (outcome.refusal, outcome.refusals) == ("ERRTEXT", 2)
        assert outcome.steps == (Step("SENT"), Step("Rejected", "16"))

    def test_nothing_becomes_of_it(self):
        assert parse_rule("06=none")[1].steps == ()

    def test_a_refusal_that_ends_goes_on_as_usual(self):
        outcomes = Outcomes(("7=refuse:X*1",), "SENT,DELIVERED")
        outcome = outcomes.of(b"7")
        assert outcome.steps == (Step("SENT"), Step("DELIVERED"))
        assert [outcomes.refuses(outcome, b"7") for _ in range(2)] == [True, False]

    @pytest.mark.parametrize("rule", ["01", "01=", "01=SENT,,X", "01=refuse:"])
    def test_nonsense(self, rule: str):
        with pytest.raises(ValueError, match="is n"):
            parse_rule(rule)


def message(number: int, **fields: Any) -> Message:
    usual = {"id": "5", "at": 0.0, "from_": "SMS", "to": "380", "text": "x"}
    return Message(number=number, **{**usual, **fields})


class TestRegister:
    def test_a_message_moves_by_time(self):
        moving = message(
            1, steps=(Step("SENT"), Step("DELIVERED")), begins=100, deliver_after=10
        )
        states = [moving.state(now) for now in (99, 104, 105, 109, 110)]
        assert states == [None, None, Step("SENT"), Step("SENT"), Step("DELIVERED")]

    def test_the_date_of_a_state_is_that_whenever_it_is_asked_for(self):
        moving = message(
            1,
            at=900.0,
            starts=1000.0,
            steps=(Step("SENT"), Step("DELIVERED")),
            begins=100,
            deliver_after=10,
        )
        dates = [moving.changed(now) for now in (99, 104, 105, 109, 110, 999)]
        assert dates == [900, 900, 1005, 1005, 1010, 1010]

    def test_it_may_end_before(self):
        moving = message(
            1, steps=(Step("SENT"),), begins=100, ended=Step("STOPED"), ended_at=5.0
        )
        assert (moving.state(0), moving.changed(0)) == (Step("STOPED"), 5.0)

    def test_found_by_id_number_and_reference(self):
        register = Register(10)
        first, second = message(1, reference="r"), message(2, to="381")
        register.add(first)
        register.add(second)
        assert register.with_id("5") == [first, second]
        assert register.with_reference("r") == [first]
        assert register.find("5", "381") is second
        assert register.find("5", "382") is register.find("6", "380") is None
        assert register.messages(after=1) == [second]

    def test_the_oldest_is_forgotten(self):
        register = Register(1)
        register.add(message(1, reference="r"))
        register.add(message(2))
        assert (register.taken, register.duplicates) == (2, 1)
        assert [each.number for each in register.with_id("5")] == [2]
        assert register.with_reference("r") == []
        register.add(message(3, text="y"))
        register.add(message(4))
        assert register.duplicates == 1

    def test_the_journal(self, tmp_path: Path):
        register = Register(1, tmp_path / "journal")
        register.add(message(1))
        register.close()
        (line,) = (tmp_path / "journal").read_text().splitlines()
        assert json.loads(line)["from"] == "SMS"


class TestHttpFaults:
    @pytest.mark.parametrize(
        ("spec", "status", "start"),
        [
            ("status code=503", 503, b""),
            ("html", 200, b"<!DOCTYPE html>"),
            ("html code=502", 502, b"<!DOCTYPE html>"),
            ("body text=<x code=201", 201, b"<x"),
            ("body hex=ff00", 200, b"\xff\x00"),
            ("body", 200, b""),
            ("huge size=1000", 200, b" " * 1000),
            ("refuse code=ERRTEXT", 200, b"<?xml"),
        ],
    )
    async def test_the_answer_is_wrong(
        self, session: aiohttp.ClientSession, spec: str, status: int, start: bytes
    ):
        async with Simulator(ProviderOptions(faults=(fault(spec),))) as provider:
            answered = await ask(session, provider)
            assert answered[0] == status
            assert answered[1].startswith(start)
            provider.clear_faults()
            assert (await ask(session, provider))[1].endswith(b"</message>")

    @pytest.mark.parametrize("code", ["429", 429])
    async def test_numbers_are_written_either_way(
        self, session: aiohttp.ClientSession, code: object
    ):
        async with Simulator(ProviderOptions()) as provider:
            for given in (
                {"kind": "refuse", "code": code},
                {"kind": "status", "code": code, "retry_after": 7, "times": "1"},
            ):
                provider.add_fault(parse(given, HTTP_FAULTS))
            assert b'code="429"' in (await ask(session, provider))[1]

    async def test_garbage(self, session: aiohttp.ClientSession):
        async with Simulator(
            ProviderOptions(faults=(fault("garbage size=99"),))
        ) as provider:
            assert len((await ask(session, provider))[1]) == 99

    async def test_retry_after(self, session: aiohttp.ClientSession):
        spec = fault("status code=429 retry_after=7")
        async with (
            Simulator(ProviderOptions(faults=(spec,))) as provider,
            session.post(provider.url, data=BALANCE) as response,
        ):
            assert response.headers["Retry-After"] == "7"

    @pytest.mark.parametrize("processed", [False, True])
    async def test_closed_before_and_after(
        self, session: aiohttp.ClientSession, processed: bool
    ):
        spec = fault(f"close processed={str(processed).lower()} times=1 on=send")
        async with Simulator(ProviderOptions(faults=(spec,))) as provider:
            with pytest.raises(aiohttp.ClientError):
                await ask(session, provider, SEND.format(to="380501234500").encode())
            assert provider.stats.taken == int(processed)
            assert (await ask(session, provider))[0] == 200

    async def test_truncated(self, session: aiohttp.ClientSession):
        async with Simulator(ProviderOptions(faults=(fault("truncated"),))) as provider:
            with pytest.raises(aiohttp.ClientError):
                await ask(session, provider)

    async def test_drip_and_delay(self, session: aiohttp.ClientSession):
        faults = (fault("drip size=50 pause=1ms times=1"), Delay(seconds=Seconds(0.01)))
        async with Simulator(ProviderOptions(faults=faults)) as provider:
            for _ in range(2):
                assert b"<balance>" in (await ask(session, provider))[1]

    async def test_each_third(self, session: aiohttp.ClientSession):
        (every,) = (cli.read_fail("ERRTEXT:every=3"),)
        async with Simulator(ProviderOptions(faults=(every,))) as provider:
            body = SEND.format(to="380501234500").encode()
            answers = []
            for _ in range(7):
                await ask(session, provider)  # for the balance: that is not counted
                answers.append(await ask(session, provider, body))
            refused = [b"ERRTEXT" in answer for _, answer in answers]
            assert refused == [False, False, True, False, False, True, False]

    async def test_down_for_a_while(self, session: aiohttp.ClientSession):
        async with Simulator() as provider:
            key = provider.add_fault(fault("refuse_connect"))
            assert provider.stats.faults == ["refuse_connect"]
            with pytest.raises(aiohttp.ClientConnectorError):
                await ask(session, provider)
            assert provider.remove_fault(key)
            assert not provider.remove_fault(key)
            await until(lambda: provider.listener.listening)
            assert (await ask(session, provider))[0] == 200

    async def test_by_time(self, session: aiohttp.ClientSession):
        spec = fault("status code=500 at=20ms")
        async with Simulator(ProviderOptions(faults=(spec,))) as provider:
            await until(lambda: provider.stats.faults == ["status"])
            assert (await ask(session, provider))[0] == 500


class Callbacks:
    """Where a provider's pushes arrive."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.refuse = 0

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.refuse -= 1
        return web.Response(status=500 if self.refuse >= 0 else 200)

    async def wait(self, count: int) -> None:
        await until(lambda: len(self.bodies) >= count)


@pytest.fixture
async def callbacks() -> AsyncIterator[tuple[Callbacks, str]]:
    taken = Callbacks()
    application = web.Application()
    application.add_routes([web.post("/status", taken.take)])
    async with TestServer(application) as server:
        yield taken, str(server.make_url("/status"))


class TestPushes:
    async def test_final_states_are_pushed(
        self, session: aiohttp.ClientSession, callbacks: tuple[Callbacks, str]
    ):
        taken, url = callbacks
        taken.refuse = 1
        options = ProviderOptions(callback_url=url, push_pause=0.01)
        async with Simulator(options) as provider:
            await ask(session, provider, SEND.format(to="380501234501").encode())
            await taken.wait(2)
            assert taken.bodies[0] == taken.bodies[1]
            assert b'status="UNDELIV"' in taken.bodies[0]

    @pytest.mark.parametrize(("kind", "pushes"), [("lost", 1), ("twice", 3)])
    async def test_lost_and_twice(
        self,
        session: aiohttp.ClientSession,
        callbacks: tuple[Callbacks, str],
        kind: str,
        pushes: int,
    ):
        taken, url = callbacks
        spec = fault(f"push_{kind} times=1")
        options = ProviderOptions(callback_url=url, faults=(spec,))
        async with Simulator(options) as provider:
            for end in ("00", "01"):
                await ask(
                    session, provider, SEND.format(to=f"3805012345{end}").encode()
                )
            await taken.wait(pushes)
            assert provider.stats.push_lost == 0

    async def test_given_up(self, session: aiohttp.ClientSession, unused_tcp_port: int):
        url = f"http://127.0.0.1:{unused_tcp_port}/"
        options = ProviderOptions(callback_url=url, push_attempts=2, push_pause=0.01)
        async with Simulator(options) as provider:
            await ask(session, provider, SEND.format(to="380501234500").encode())
            await until(lambda: provider.stats.push_lost > 0)
            assert [answer.status for answer in provider.pusher.answers] == [0, 0]

    async def test_a_kind_without_replies_keeps_them(self):
        async with Simulator() as provider:
            provider.inject_mo(Mo(text="Hi"))
            assert [each.mo.text for each in provider.inbound] == ["Hi"]


class TestCommand:
    def test_every_kind_has_a_simulator(self):
        for kind in kinds():
            assert simulator(kind)(ProviderOptions()).usual
        with pytest.raises(KeyError):
            simulator("smpp")

    def test_the_options(self, tmp_path: Path):
        parser = argparse.ArgumentParser()
        cli.add_arguments(parser)
        faults = tmp_path / "faults.yaml"
        faults.write_text("- {kind: html, at: 5}\n")
        args = parser.parse_args(
            [
                *("svitsms", "--port", "0", "--login", "me", "--password", "secret"),
                *("--callback-url", "http://127.0.0.1:1/", "--deliver-after", "2s"),
                *("--outcome", "9=EXPIRED", "--set", "balance=1", "--fail", "ERRTEXT"),
                *("--fault", "drip", "--faults", str(faults), "--journal", "j"),
            ]
        )
        options = cli.options_of(args)
        assert [each.kind for each in options.faults] == ["html", "drip", "refuse"]
        assert (options.login, options.deliver_after) == ("me", 2.0)
        # It ends up in each message, and those in journals and answers.
        assert type(options.deliver_after) is float
        assert options.settings == {"balance": "1"}
        assert options.outcomes == ("9=EXPIRED",)
        assert "secret" not in repr(options)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["smtp"],
            ["svitsms", "--fault", "magic"],
            ["svitsms", "--fail", "X:each=3"],
            ["svitsms", "--set", "balance"],
            ["svitsms", "--outcome", "1"],
        ],
    )
    def test_nonsense(self, arguments: list[str]):
        with pytest.raises(SystemExit) as stopped:
            main(["simulate", "provider", *arguments])
        assert stopped.value.code == 2

    def test_a_setting_that_is_none(self, capsys: pytest.CaptureFixture[str]):
        assert main(["simulate", "provider", "svitsms", "--set", "colour=red"]) == 2
        assert "no such setting: colour; known: alfanames" in capsys.readouterr().err

    async def test_from_start_to_sigterm(self, session: aiohttp.ClientSession):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "esmed", "simulate", "provider", "svitsms"),
            *("--port", "0", "--password", "secret", "--login", "380501234567"),
            *("--control", "127.0.0.1:0", "--mo-text", "Hi"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        started = json.loads(line)
        url, control = started["listening"], f"http://{started['control']}"
        async with session.post(url, data=BALANCE) as response:
            assert response.status == 200
        async with session.post(f"{control}/fault", data=b'{"kind": "html"}') as made:
            assert await made.json() == {"key": 1}
        async with session.post(url, data=BALANCE) as response:
            assert response.content_type == "text/html"
        async with session.get(f"{control}/stats") as stats:
            assert (await stats.json())["requests"] == {"getbalance": 2}
        process.send_signal(signal.SIGTERM)
        _, logged = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == 0
        assert logged.endswith(b"fault html begins\n")
        assert b"secret" not in logged

    async def test_control(self, session: aiohttp.ClientSession):
        async with Simulator() as provider:
            control = ProviderControl(provider)
            url = f"http://127.0.0.1:{await control.start('127.0.0.1', 0)}"
            try:
                await ask(session, provider, SEND.format(to="380501234500").encode())
                mo = b'{"from": "380", "text": "Hi"}'
                for path, body, status in (
                    ("/mo", mo, 200),
                    ("/mo", b'{"from": 380}', 400),
                    ("/fault", b'{"kind": "garbage"}', 200),
                    ("/fault", b'{"kind": "magic"}', 400),
                ):
                    async with session.post(url + path, data=body) as answer:
                        assert answer.status == status
                assert [each.mo.from_ for each in provider.inbound] == ["380"]
                async with session.get(f"{url}/messages") as answer:
                    found = await answer.json()
                assert [each["to"] for each in found["messages"]] == ["380501234500"]
                async with session.delete(f"{url}/fault") as answer:
                    assert answer.status == 200
                assert provider.stats.faults == []
            finally:
                await control.stop()

    async def test_tls(
        self, session: aiohttp.ClientSession, certified: tuple[Path, Path]
    ):
        certificate, key = certified
        options = ProviderOptions(tls_certificate=certificate, tls_key=key)
        async with Simulator(options) as provider:
            assert provider.url.startswith("https://127.0.0.1:")
            async with session.post(provider.url, data=BALANCE, ssl=False) as answer:
                assert answer.status == 200

    async def test_no_such_certificate(self, tmp_path: Path):
        options = ProviderOptions(tls_certificate=tmp_path / "none.pem")
        with pytest.raises(OSError, match="No such file"):
            await Simulator(options).start()

    async def test_stalled(self, session: aiohttp.ClientSession):
        async with Simulator() as provider:
            provider.add_fault(fault("stall_connect for=50ms"))
            with pytest.raises(aiohttp.ClientError):
                await ask(session, provider)
            await until(lambda: provider.stats.faults == [])

    async def test_the_port_is_taken(self):
        async with Simulator() as provider:
            second = Simulator(ProviderOptions(port=provider.port))
            with pytest.raises(OSError, match="in use"):
                await second.start()
            await second.stop()
