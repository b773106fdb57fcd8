"""The HTTP interface to a simulated SMSC: that of `esmed.simulator.control`, and

    POST   /mo          a `MoMessage`                                 {"parts": 3}
    POST   /drop        {"how": "rst"|"fin"|"unbind", "system_id": …} {"dropped": 2}

`GET /messages` says how many sets of parts are `incomplete`.
"""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from esmed.simulator.control import Control, answer, body_of
from esmed.simulator.hooks import Kind
from esmed.simulator.kinds import KINDS
from esmed.simulator.mo import MoMessage
from esmed.simulator.smsc import How, SmscSimulator
from esmed.simulator.values import read


class Drop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /drop."""

    how: How = "rst"
    system_id: str | None = None


class SmscControl(Control[Kind]):
    """That of one SMSC."""

    def __init__(self, smsc: SmscSimulator) -> None:
        super().__init__(smsc, KINDS)
        self._smsc = smsc

    def more(self) -> Sequence[web.RouteDef]:
        return [web.post("/mo", self._mo), web.post("/drop", self._drop)]

    def about_messages(self) -> Mapping[str, object]:
        return {"incomplete": self._smsc.incomplete}

    async def _mo(self, request: web.Request) -> web.Response:
        mo = read(await body_of(request), MoMessage)
        return answer({"parts": self._smsc.inject_mo(mo)})

    async def _drop(self, request: web.Request) -> web.Response:
        drop = read(await body_of(request), Drop)
        return answer({"dropped": self._smsc.drop(drop.how, drop.system_id)})
