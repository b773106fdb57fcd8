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
_ANSWERED: Final[Fields] = {"charset": CHARSET, "fmt": FORMAT}
_ANSWERED_FORM: Final = forms.encode(_ANSWERED)
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
        return HttpCall(
            operation=operation,
            path=f"/sys/{script}.php",
            body=b"&".join((self._account, forms.encode(fields), _ANSWERED_FORM)),
            headers=_FORM,
        )

    def message(self, fields: Mapping[str, str | int]) -> HttpCall:
        """Send messages, over whichever API is configured."""
        if not self._rest:
            return self.form("send", "send", fields)
        whole = {**self._credentials, **fields, **_ANSWERED}
        return HttpCall(
            operation="send",
            path="/rest/send/",
            body=msgspec.json.encode(whole),
            headers=_JSON,
        )
