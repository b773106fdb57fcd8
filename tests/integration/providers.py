"""A provider's connector in the daemon, and the stand-in at its other end.

A test module makes an `Account` and says what its provider has that others do not. What
is said here is what every provider is held to.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from integration.site import Site

from esmed.simulator.bridge.frame import ProviderSimulator
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.faults import parse

SECRET: Final = "the-callbacks-secret"
TOMORROW: Final = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

S = TypeVar("S", bound=ProviderSimulator)


class Account(Generic[S]):
    """One with a provider: what the stand-in knows of it, and a connector is told."""

    def __init__(
        self,
        name: str,
        kind: str,
        simulator: type[S],
        options: ProviderOptions,
        **keys: Any,
    ) -> None:
        self._name = name
        """Of the connector, unless there are several."""
        self._simulator = simulator
        self._options = options
        given = {
            "login": options.login,
            "password": options.password,
            "api_key": options.api_key,
        }
        self._keys: dict[str, Any] = {
            "kind": kind,
            **{key: value for key, value in given.items() if value is not None},
            "retry": {"min": "50ms", "max": "200ms"},
            **keys,
        }

    def stand_in(self, **settings: str) -> S:
        """Not yet started."""
        all_of_them = {**self._options.settings, **settings}
        return self._simulator(replace(self._options, settings=all_of_them))

    def keys(self, **keys: Any) -> dict[str, Any]:
        """Of a connector's configuration, save where the provider is."""
        return {**self._keys, **keys}

    def connector(self, *nodes: S, **keys: Any) -> dict[str, Any]:
        """The configuration of a connector; the first node is its primary."""
        return self.keys(base_urls=[node.url for node in nodes], **keys)

    async def called_back(self, site: Site, *nodes: S, **keys: Any) -> None:
        """Start with a connector that the nodes push to."""
        site.callbacks = {"listen": ["127.0.0.1:0"]}
        keys = {"callback_secret": SECRET, **keys}
        await site.start(**{self._name: self.connector(*nodes, **keys)})
        pushes_to(site, self._name, *nodes)


def pushes_to(site: Site, connector: str, *nodes: ProviderSimulator) -> None:
    """Have them push to a connector, wherever the daemon listens now."""
    for node in nodes:
        node.callback_url = site.callback_url(connector, SECRET)
        node.mo_url = site.callback_url(connector, SECRET, "mo")
        node.short_url = site.callback_url(connector, SECRET, "short")


def strike(provider: ProviderSimulator, fault: str) -> int:
    """Have it fail from now on; the key is for its `remove_fault`."""
    return provider.add_fault(parse(fault, provider.faults))


def smsc_id_of(message: Mapping[str, Any]) -> str:
    """What the provider calls it, after the latest attempt."""
    return str(message["segments"][0]["attempts"][-1]["smsc_id"])


class Operations:
    """What can be asked of a connector beside sending."""

    def __init__(self, site: Site, connector: str) -> None:
        self._site = site
        self._path = f"/v1/connectors/{connector}/operations"
        self._tried: set[str] = set()

    async def names(self) -> list[str]:
        listed = await self._site.get(self._path)
        return [each["name"] for each in listed["operations"]]

    async def untried(self) -> list[str]:
        """Those that have not been run yet."""
        return [name for name in await self.names() if name not in self._tried]

    async def run(self, name: str, **arguments: object) -> Any:
        """The result of what must succeed."""
        self._tried.add(name)
        return await self._site.post(f"{self._path}/{name}", arguments)

    async def ask(self, name: str, **arguments: object) -> tuple[int, Any]:
        """The answer, whatever it is."""
        return await self._site.ask("POST", f"{self._path}/{name}", arguments)


# --- what every provider is held to --------------------------------------------------


async def ends(
    site: Site, expected: Mapping[str, str], text: str = "Привіт, {} €"
) -> dict[str, str]:
    """A message to each number ends as expected; the ids by number."""
    ids = {to: await site.submit(to=to, text=text.format(to)) for to in expected}
    for to, id_ in ids.items():
        await site.reaches(id_, expected[to])
    return ids


async def refuses(
    site: Site, provider: ProviderSimulator, code: object, class_: str, state: str
) -> None:
    """What is refused with that code ends so, and is not sent again."""
    strike(provider, f"refuse code={code} on=send")
    message = await site.reaches(await site.submit(), state)
    assert (message["error"]["class"], message["error"]["code"]) == (class_, code)
    assert provider.requests["send"] == 1


async def waits(site: Site, connector: str, *because: str) -> dict[str, Any]:
    """A message waits for whoever mends what has the connector down; the connector."""
    id_ = await site.submit()
    down = await site.down(connector, *because)
    assert (await site.message(id_))["state"] == "queued"
    return down


async def waits_its_time(site: Site, provider: ProviderSimulator) -> None:
    """A message for later is kept here, and holds nobody up."""
    id_ = await site.submit(send_at=TOMORROW.isoformat())
    assert (await site.message(id_))["state"] == "scheduled"
    await site.reaches(await site.submit(), "delivered")
    assert len(provider.messages()) == 1


async def goes_to(
    site: Site, backup: ProviderSimulator, primary: ProviderSimulator
) -> None:
    """The backup gets it, once."""
    message = await site.reaches(await site.submit(), "delivered")
    assert message["host"] == backup.url
    assert (primary.stats.taken, backup.stats.taken) == (0, 1)


async def every_part_counts(
    site: Site, provider: ProviderSimulator, expected: Mapping[str, str]
) -> None:
    """A message of three parts to each number ends as expected of them together."""
    for to, end in expected.items():
        id_ = await site.submit(to=to, text="Ы" * 200)
        message = await site.reaches(id_, end)
        ids = {
            attempt["smsc_id"]
            for segment in message["segments"]
            for attempt in segment["attempts"]
        }
        assert ids == {each.id for each in provider.messages() if each.to == to}
        assert len(ids) == 3


async def pushes_twice(site: Site, provider: ProviderSimulator) -> None:
    """A repeated push tells nobody anything."""
    strike(provider, "push_twice")
    ids = [await site.submit(text=f"number {place}") for place in range(5)]
    for id_ in ids:
        await site.reaches(id_, "delivered")
    assert len(await site.told(5)) == 5
