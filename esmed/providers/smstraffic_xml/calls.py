"""Requests to multi.php and list.php: forms, with the account in them. Pure."""

from collections.abc import Mapping
from typing import Final

from esmed.bridge import forms
from esmed.bridge.base import HttpCall
from esmed.providers.smstraffic_xml.config import Config

MESSAGES: Final = "/multi.php"
LISTS: Final = "/list.php"

_HEADERS: Final = {"Content-Type": forms.CONTENT_TYPE}


class Caller:
    """Makes the calls of one account. Names of fields are lower case: `LOGIN` is not
    understood, whatever some samples show."""

    def __init__(self, config: Config) -> None:
        self._login = config.login
        self._password = config.password

    def call(
        self, operation: str, fields: Mapping[str, str | int], path: str = MESSAGES
    ) -> HttpCall:
        """Return the request; ``operation`` is what it is called in metrics."""
        account = {"login": self._login, "password": self._password.reveal()}
        body = forms.encode(account | dict(fields))
        return HttpCall(operation=operation, path=path, body=body, headers=_HEADERS)
