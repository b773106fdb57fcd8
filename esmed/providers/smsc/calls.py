"""The requests of one account. Pure.

All are posted, since what is in an address is written into logs on the way.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from esmed.bridge import forms
from esmed.bridge.base import HttpCall
from esmed.providers.smsc.answers import CHARSET
from esmed.providers.smsc.config import Config

Fields = Mapping[str, str | int | bytes]

FORMAT: Final = 3
"""``fmt``: answers are JSON."""
_JSON: Final = msgspec.json.Encoder()


class Calls:
    """Makes them, with the account's credentials."""

    def __init__(self, config: Config) -> None:
        self._credentials: dict[str, str] = {}
        if config.api_key is not None:
            self._credentials["apikey"] = config.api_key.reveal()
        elif config.login is not None and config.password is not None:
            self._credentials["login"] = config.login
            self._credentials["psw"] = config.password.reveal()
        self._rest = config.api == "rest"

    def form(self, operation: str, script: str, fields: Fields) -> HttpCall:
        """Ask a script of ``/sys/``; the answer is JSON in UTF-8."""
        whole = {**self._credentials, **fields, "charset": CHARSET, "fmt": FORMAT}
        return HttpCall(
            operation=operation,
            path=f"/sys/{script}.php",
            body=forms.encode(whole),
            headers={"Content-Type": forms.CONTENT_TYPE},
        )

    def message(self, fields: Mapping[str, str | int]) -> HttpCall:
        """Send messages, over whichever API is configured."""
        if not self._rest:
            return self.form("send", "send", fields)
        whole = {**self._credentials, **fields, "charset": CHARSET, "fmt": FORMAT}
        return HttpCall(
            operation="send",
            path="/rest/send/",
            body=_JSON.encode(whole),
            headers={"Content-Type": "application/json"},
        )
