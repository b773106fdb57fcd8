"""Which changes become webhook events. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from esmed.models import FINAL_STATES, MessageState

FINAL = "message.final"
EVERY = "message.*"
AMENDED = "message.amended"
INBOUND = "inbound.received"


class Announcer:
    """The configured ``webhooks.events``, ready for a quick answer.

    ``default`` tells whether there is a configured URL; without one only messages that
    name their own are announced.
    """

    def __init__(self, events: Iterable[str], *, default: bool) -> None:
        events = frozenset(events)
        self._default = default
        self._inbound = default and INBOUND in events
        self._amended = bool({EVERY, AMENDED} & events)
        self._states = frozenset(
            state
            for state in MessageState
            if EVERY in events
            or f"message.{state}" in events
            or (FINAL in events and state in FINAL_STATES)
        )

    @property
    def inbound(self) -> bool:
        """Whether MO messages are announced."""
        return self._inbound

    def state(self, new: MessageState, url: str | None) -> bool:
        """Whether a message's change to ``new`` is announced."""
        return (self._default or url is not None) and new in self._states

    def amended(self, url: str | None) -> bool:
        """Whether news about a finished message is announced."""
        return (self._default or url is not None) and self._amended
