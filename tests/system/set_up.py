"""The daemon's configuration in these tests, and waiting for all messages to end."""

import asyncio
import base64
import json
import time
from typing import Any, Final

from fakes.hook import HookSink
from integration.client import LIMIT
from system.processes import Daemon, Smsc

WINDOW: Final = 10
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY: Final = base64.b64decode(SECRET.removeprefix("whsec_"))

_CONFIG: Final = """
store: {{url: "sqlite:///{store}"}}
http: {{listen: ["127.0.0.1:0"]{http}}}
{webhooks}
connectors:
  carrier:
    kind: smpp
    hosts: [{{address: "{smsc}"}}]
    system_id: me
    password: hush
    window: {window}
    reconnect: {{min: 50ms, max: 200ms}}
    hold_timeout: {hold_timeout}
    receipt_timeout: {receipt_timeout}
    response_timeout: {response_timeout}
    on_unknown: {on_unknown}
    retry: {{min: 100ms, max: 500ms}}
routes: [{{via: [carrier]}}]
shutdown_timeout: {shutdown_timeout}
"""


def config(
    smsc: Smsc | str,
    hook: HookSink | None = None,
    *,
    store: str = "esmed.db",
    http: str = "",
    window: int = WINDOW,
    on_unknown: str = "resend",
    hold_timeout: str = "1s",
    receipt_timeout: str = "1h",
    response_timeout: str = "30s",
    shutdown_timeout: str = "30s",
) -> str:
    """One connector to one SMSC."""
    webhooks = ""
    if hook is not None:
        webhooks = f'webhooks: {{url: "{hook.url()}", secret: {SECRET}}}'
    return _CONFIG.format(
        store=store,
        http=http and f", {http}",
        webhooks=webhooks,
        smsc=smsc if isinstance(smsc, str) else smsc.address,
        window=window,
        on_unknown=on_unknown,
        hold_timeout=hold_timeout,
        receipt_timeout=receipt_timeout,
        response_timeout=response_timeout,
        shutdown_timeout=shutdown_timeout,
    )


async def finished(daemon: Daemon, hook: HookSink) -> list[dict[str, Any]]:
    """Wait for every message to have ended, and for its webhook; all messages."""
    deadline = time.monotonic() + LIMIT
    while True:
        messages = await daemon.messages()
        left = [message for message in messages if not message["final"]]
        told = {json.loads(each.body)["data"]["id"] for each in hook.received}
        untold = {message["id"] for message in messages} - told
        if not left and not untold:
            return messages
        assert time.monotonic() < deadline, (len(left), left[:2], len(untold))
        await asyncio.sleep(0.3)
