"""What becomes of a message that is asked for: its route, its split, its record.

All that can be wrong with it and is not syntax is found here, before it is accepted.
Pure: the time and the position are given.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

from msgspec import structs

from esmed.caller import Caller
from esmed.connector import Connector
from esmed.ids import IdSource
from esmed.models import Fault, MessageState, Millis, Plan, Progress, Record, Request
from esmed.refusals import FieldError, ForbiddenError, InvalidError
from esmed.routing import Router

_FIELDS: Final = frozenset(
    {"to", "from", "text", "data", "udh", "encoding", "max_parts", "flash"}
    | {"validity", "tlvs"}
)
"""Fields that a connector may blame: the ``code`` of the fault of its ``plan``."""

_ANYONE: Final = "000"
"""Stands for a destination where only the split matters."""


class Positions(Protocol):
    """Where the positions of messages come from."""

    def next_seq(self) -> int:
        """Return the next one."""


class Offered(Protocol):
    """Whom messages can be routed to."""

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """All connectors, by name, in the order of the configuration."""


class Drafts:
    """Decides by the routes, and by how connectors would split a message."""

    def __init__(
        self,
        positions: Positions,
        offered: Offered,
        router: Router,
        webhook_hosts: Iterable[str],
    ) -> None:
        self._positions = positions
        self._offered = offered
        self._ids = IdSource()
        self.configure(router, webhook_hosts)

    def configure(self, router: Router, webhook_hosts: Iterable[str]) -> None:
        """Go by these from the next message on."""
        self._router = router
        self._webhook_hosts = frozenset(host.lower() for host in webhook_hosts)

    def draft(self, request: Request, caller: Caller, now: Millis) -> Record:
        """Return the record of a message; InvalidError or ForbiddenError if it can
        never go."""
        request = self._with_sender(request, caller)
        self.check_webhook(request.webhook_url)
        via, reason = self._route(request, caller)
        plan = self._plan(request, via[0])
        send_at = now if request.send_at is None else request.send_at
        connectors = self._offered.connectors
        # Handed over at once only if each that may take it will keep it until then.
        kept = send_at > now and all(connectors[name].schedules for name in via)
        due_at = now if kept else send_at
        expires_at = send_at + request.validity * 1000
        return Record(
            seq=self._positions.next_seq(),
            id=self._ids.next(now),
            client=caller.name,
            created_at=now,
            request=request,
            progress=Progress(
                state=MessageState.QUEUED if due_at <= now else MessageState.SCHEDULED,
                encoding=plan.encoding,
                parts=plan.short_messages,
                note=reason,
            ),
            via=via,
            due_at=due_at,
            deadline=expires_at,
            expires_at=expires_at,
            draft=plan,
        )

    def estimate(self, request: Request, caller: Caller) -> Plan:
        """Return how the connector that would take a message now would split it.

        Without a destination: on the route of all destinations, else the first one.
        """
        connectors = self._offered.connectors
        if request.to or request.connector is not None:
            via, _ = self._route(request, caller)
        else:
            route = self._router.route(request, caller.name)
            via = route.via if route else tuple(connectors)
        if not request.to:
            request = structs.replace(request, to=_ANYONE)
        up = [name for name in via if connectors[name].health().sends]
        return self._plan(request, (up or via)[0])

    def _with_sender(self, request: Request, caller: Caller) -> Request:
        if not caller.senders or request.from_ in caller.senders:
            return request
        if request.from_ is not None:
            error = FieldError("from", "this client may not send as this sender")
            raise ForbiddenError(f"{error.field}: {error.message}", [error])
        return structs.replace(request, from_=caller.senders[0])

    def check_webhook(self, url: str | None, field: str = "webhook_url") -> None:
        """Raise InvalidError for a host that no message may name."""
        if url is None:
            return
        try:
            host = urlsplit(url).hostname or ""
        except ValueError as exc:
            raise _invalid(field, "is not a URL") from exc
        if host.lower() not in self._webhook_hosts:
            raise _invalid(field, "its host is not one of webhooks.allow")

    def _route(self, request: Request, caller: Caller) -> tuple[tuple[str, ...], str]:
        route = self._router.route(request, caller.name)
        if route is None:
            if request.connector is not None:
                raise _invalid("connector", "there is no connector of this name")
            raise _invalid("to", "no route leads to this destination")
        return route.via, route.reason

    def _plan(self, request: Request, connector: str) -> Plan:
        plan = self._offered.connectors[connector].plan(request)
        if isinstance(plan, Fault):
            field = "data" if request.text is None else "text"
            if isinstance(plan.code, str) and plan.code.split(".")[0] in _FIELDS:
                field = plan.code
            raise _invalid(field, plan.detail)
        limit = request.max_parts
        if limit is not None and plan.short_messages > limit:
            message = f"the message takes {plan.short_messages} parts"
            raise _invalid("max_parts", message)
        return plan


def _invalid(field: str, message: str) -> InvalidError:
    return InvalidError([FieldError(field, message)])
