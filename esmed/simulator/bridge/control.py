"""The HTTP interface to a stand-in for a provider: `esmed.simulator.control`, and

POST   /mo          {"from", "to", "text"}                        {}
"""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from esmed.simulator.bridge.faults import ProviderFault
from esmed.simulator.bridge.frame import Mo, ProviderSimulator
from esmed.simulator.control import Control, answer, body_of


class ProviderControl(Control[ProviderFault]):
    """That of one stand-in."""

    def __init__(self, provider: ProviderSimulator) -> None:
        super().__init__(provider, provider.faults)
        self._provider = provider

    def more(self) -> Sequence[web.RouteDef]:
        return [web.post("/mo", self._mo)]

    async def _mo(self, request: web.Request) -> web.Response:
        self._provider.inject_mo(msgspec.convert(await body_of(request), Mo))
        return answer({})
