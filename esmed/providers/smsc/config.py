"""The keys of ``kind: smsc``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from esmed.bridge.config import HttpProviderConfig
from esmed.errors import ConfigFault
from esmed.fieldtypes import Boolean, Duration, Integer, Name, SecretField

MOST_CONCURRENT: Final = 14
"""Requests of one login that are open at a time: the fifteenth is error 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    """One account. Either ``login`` and ``password``, or ``api_key``."""

    in_place: ClassVar[frozenset[str]] = HttpProviderConfig.in_place | {
        *("api", "translit", "tinyurl", "callback_secret", "callback_word"),
    }

    kind: str = "smsc"
    login: Name | None = None
    password: SecretField | None = None
    api_key: SecretField | None = None
    api: Literal["form", "rest"] = "form"
    """``/sys/send.php`` with a form, or ``/rest/send/`` with JSON."""
    translit: Annotated[int, Integer(0, 2)] = 0
    """As the parameter: 1 is "translit", 2 is "mpaHc/Ium"."""
    tinyurl: Annotated[bool, Boolean()] = False
    """Whether links in texts are shortened, which also counts who follows them."""
    callback_secret: SecretField | None = None
    callback_word: SecretField | None = None
    """The account's secret word, with which callbacks are signed; None: they are not
    checked."""
    pull_every: Duration | None = None

    def faults(self) -> Iterator[ConfigFault]:
        yield from HttpProviderConfig.faults(self)
        if self.api_key is None:
            for key in ("login", "password"):
                if getattr(self, key) is None:
                    yield ConfigFault(
                        path=key, message="is needed, or an api_key", rests_on="api_key"
                    )
        elif self.login is not None or self.password is not None:
            message = "stands for login and password: give the one or the others"
            yield ConfigFault(path="api_key", message=message)

    def advice(self) -> Iterator[ConfigFault]:
        yield from HttpProviderConfig.advice(self)
        if self.concurrency > MOST_CONCURRENT:
            message = f"more than {MOST_CONCURRENT} open requests are refused (error 9)"
            yield ConfigFault(path="concurrency", message=message)
        if self.pull_every is not None and self.callback_word is not None:
            message = "replies that are pushed as well would come twice"
            yield ConfigFault(path="pull_every", message=message)
