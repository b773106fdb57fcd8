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
_EACH: Final[Fields] = {"charset": CHARSET, "fmt": FORMAT}
"""What each request ends with."""
_EACH_MESSAGE: Final[Fields] = {"cost": 3, "op": 1, "err": 1, **_EACH}
"""Likewise of those that send: with costs, and what became of each number."""
_EACH_FORM: Final = forms.encode(_EACH)
_EACH_MESSAGE_FORM: Final = forms.encode(_EACH_MESSAGE)
_FORM: Final = {"Content-Type": forms.CONTENT_TYPE}
_JSON: Final = {"Content-Type": "application/json"}


class Calls:
    """Makes them, with the account's credentials."""

    def __init__(self, config: Config) -> None:
        self._credentials: dict[str, str] = {}
        if config.api_key is not None:
            self._credentials["apikey"] = config.api_key.reveal()
        elif config.login is not None and config.password is not None:
            self._credentials["login"] = config.login
            self._credentials["psw"] = config.password.reveal()
        self._account = forms.encode(self._credentials)
        self._rest = config.api == "rest"

    def form(self, operation: str, script: str, fields: Fields) -> HttpCall:
        """Ask a script of ``/sys/``; the answer is JSON in UTF-8."""
        return self._form(operation, f"/sys/{script}.php", fields, _EACH_FORM)

    def message(self, fields: Fields) -> HttpCall:
        """Send messages, over whichever API is configured."""
        if not self._rest:
            return self._form("send", "/sys/send.php", fields, _EACH_MESSAGE_FORM)
        whole = {**self._credentials, **fields, **_EACH_MESSAGE}
        body = msgspec.json.encode(whole)
        return HttpCall(operation="send", path="/rest/send/", body=body, headers=_JSON)

    def _form(
        self, operation: str, path: str, fields: Fields, ending: bytes
    ) -> HttpCall:
        body = b"&".join((self._account, forms.encode(fields), ending))
        return HttpCall(operation=operation, path=path, body=body, headers=_FORM)
