"""kill -9 while subscribers are answered: whoever asks again is told the same."""

import asyncio
import random
from itertools import count

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from integration.client import LIMIT
from system.processes import Bench, free_ports

_CONFIG = """
store: {{url: "sqlite:///esmed.db"}}
http: {{listen: ["127.0.0.1:0"]}}
callbacks: {{listen: ["127.0.0.1:{callbacks}"]}}
connectors:
  st:
    kind: smstraffic-xml
    base_urls: ["http://127.0.0.1:{nobody}"]
    login: mylogin
    password: hush
    callback_secret: secret
    pull_every: 0s
    short_reply: {{url: "{url}", timeout: 30s}}
"""
MESSAGES = 100
KILLS = 4


class Platform:
    """Repeats each message until it is answered, and again when it has been."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answers: dict[str, list[bytes]] = {}

    async def ask(self, session: aiohttp.ClientSession, sms_id: str) -> None:
        form = {"phone": "79031234567", "message": "?", "sms_id": sms_id}
        while True:
            try:
                async with session.post(self._url, data=form) as answer:
                    body = await answer.read()
                    if answer.status == 200:
                        self.answers.setdefault(sms_id, []).append(body)
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)

    async def ask_all(self, draw: random.Random) -> None:
        """Every message twice, in any order, some at a time."""
        ids = [str(number) for number in range(MESSAGES)] * 2
        draw.shuffle(ids)
        turns = asyncio.Semaphore(6)

        async with aiohttp.ClientSession() as session:

            async def one(sms_id: str) -> None:
                async with turns:
                    await self.ask(session, sms_id)

            await asyncio.gather(*map(one, ids))


async def test_the_same_answer_over_kills(processes: Bench) -> None:
    draw = random.Random(5)
    asked = count(1)

    async def says(_: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response(text=f"answer {next(asked)}")

    app = web.Application()
    app.router.add_post("/short", says)
    callbacks, nobody = free_ports(2)
    async with TestServer(app) as program:
        daemon = processes.daemon(
            _CONFIG.format(
                callbacks=callbacks, nobody=nobody, url=program.make_url("/short")
            )
        )
        await daemon.start()
        platform = Platform(f"http://127.0.0.1:{callbacks}/callbacks/st/secret/short")
        asking = asyncio.create_task(platform.ask_all(draw))
        interrupted = 0
        for _ in range(KILLS):
            await daemon.ready()
            await asyncio.sleep(draw.uniform(0.1, 0.4))
            interrupted += not asking.done()
            daemon.kill()
            daemon.spawn()
        assert interrupted
        await daemon.ready()
        async with asyncio.timeout(LIMIT):
            await asking
            # Once more, from what is on disk alone.
            asked_before = next(asked)
            await platform.ask_all(draw)
        assert next(asked) == asked_before + 1
    assert len(platform.answers) == MESSAGES
    for answers in platform.answers.values():
        assert len(answers) == 4
        assert len(set(answers)) == 1
    assert len(set(map(tuple, platform.answers.values()))) == MESSAGES
    inbound = await daemon.get("/v1/inbound?limit=1000")
    assert len(inbound["messages"]) == MESSAGES
    assert await daemon.stop() == 0
