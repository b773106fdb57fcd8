"""Every path of the HTTP interface: who may use it, what goes in and what comes out.

The server binds handlers to it, the OpenAPI document is written from it.
"""

from typing import Any, Final, Literal

from msgspec import Struct

from esmed.api.bodies import Batch
from esmed.api.problems import Problem
from esmed.api.schema import Replay, Resolve, Submit
from esmed.estimates import EstimateView
from esmed.timeline import TraceView
from esmed.views import ConnectorView, InboundView, MessageView

Access = Literal["anyone", "client", "admin"]


class MessageList(Struct, frozen=True):
    """The messages made of a list of destinations, in its order."""

    messages: list[MessageView]


class MessagePage(Struct, frozen=True):
    """Messages, newest first; ``next`` is the ``after`` of the following page."""

    messages: list[MessageView]
    next: str | None


class BatchItem(Struct, frozen=True, omit_defaults=True):
    """What became of one message of a batch: an ``id`` or an ``error``."""

    id: str | None = None
    error: Problem | None = None


class BatchAnswer(Struct, frozen=True):
    """What became of a batch, in the order given."""

    accepted: int
    refused: int
    messages: list[BatchItem]


class InboundPage(Struct, frozen=True):
    """MO messages, newest first; ``next`` is the ``after`` of the following page."""

    messages: list[InboundView]
    next: str | None


class ConnectorList(Struct, frozen=True):
    """All connectors, in the order of the configuration."""

    connectors: list[ConnectorView]


class OperationView(Struct, frozen=True):
    """One thing that a connector can do; ``arguments`` is a JSON Schema of them."""

    name: str
    summary: str
    arguments: dict[str, Any]


class OperationList(Struct, frozen=True):
    """What else a connector can do."""

    operations: list[OperationView]


class Replayed(Struct, frozen=True):
    """How many events are sent again."""

    replayed: int


class WebhookSecret(Struct, frozen=True):
    """What signs the events that go to a message's own ``webhook_url``."""

    secret: str


class Status(Struct, frozen=True):
    """That all is well."""

    status: Literal["ok", "ready"]


class Parameter(Struct, frozen=True):
    """One parameter of the query."""

    name: str
    description: str
    schema: dict[str, object]


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    name: str
    """Of the handler, and the document's ``operationId``."""
    summary: str
    access: Access = "client"
    query: tuple[Parameter, ...] = ()
    body: object | None = None
    """The type of the request's body, if it has one."""
    lines: bool = False
    """The body may be NDJSON instead, each line a `Submit`, and so may the answer."""
    status: int = 200
    answers: tuple[object, ...] = ()
    """The types that the answer's body may have; none: it is not JSON."""
    refusals: tuple[int, ...] = ()
    """Beside those that every operation has."""


MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100

_STRING: Final[dict[str, object]] = {"type": "string"}
_AFTER: Final = Parameter("after", "the `next` of the page before", _STRING)
_LIMIT: Final = Parameter(
    "limit",
    "entries of a page",
    {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_LIMIT,
        "default": DEFAULT_LIMIT,
    },
)

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/messages",
        name="submit",
        summary="Submit a message, or one text to several destinations: all or none",
        body=Submit,
        status=202,
        answers=(MessageView, MessageList),
        refusals=(400, 409, 413, 415, 422, 429, 503),
    ),
    Operation(
        method="GET",
        path="/v1/messages",
        name="find",
        summary="List messages, newest first",
        query=(
            Parameter("state", "only those in this state", _STRING),
            Parameter("to", "only those to this destination", _STRING),
            Parameter("reference", "only those with this reference", _STRING),
            Parameter("after", "the `next` of the page before, or an id", _STRING),
            _LIMIT,
        ),
        answers=(MessagePage,),
        refusals=(400,),
    ),
    Operation(
        method="POST",
        path="/v1/messages/batch",
        name="batch",
        summary="Submit many messages in one transaction, each on its own",
        body=Batch,
        lines=True,
        answers=(BatchAnswer,),
        refusals=(400, 413, 415, 422, 429, 503),
    ),
    Operation(
        method="GET",
        path="/v1/messages/{id}",
        name="get",
        summary="Show a message",
        answers=(MessageView,),
        refusals=(404,),
    ),
    Operation(
        method="DELETE",
        path="/v1/messages/{id}",
        name="cancel",
        summary="Cancel a message of which nothing was submitted",
        answers=(MessageView,),
        refusals=(404, 409, 503),
    ),
    Operation(
        method="GET",
        path="/v1/messages/{id}/trace",
        name="trace",
        summary="Show the way of a message",
        answers=(TraceView,),
        refusals=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/messages/{id}/resolve",
        name="resolve",
        summary="Decide over a held message",
        body=Resolve,
        answers=(MessageView,),
        refusals=(400, 404, 409, 413, 415, 503),
    ),
    Operation(
        method="POST",
        path="/v1/estimate",
        name="estimate",
        summary="Tell how a message would be split; send nothing",
        body=Submit,
        answers=(EstimateView,),
        refusals=(400, 413, 415),
    ),
    Operation(
        method="GET",
        path="/v1/inbound",
        name="inbound",
        summary="List MO messages, newest first",
        access="admin",
        query=(_AFTER, _LIMIT),
        answers=(InboundPage,),
        refusals=(400,),
    ),
    Operation(
        method="GET",
        path="/v1/connectors",
        name="connectors",
        summary="Show all connectors",
        access="admin",
        answers=(ConnectorList,),
    ),
    Operation(
        method="GET",
        path="/v1/connectors/{name}",
        name="connector",
        summary="Show a connector",
        access="admin",
        answers=(ConnectorView,),
        refusals=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/connectors/{name}/pause",
        name="pause",
        summary="Send nothing until resumed; receipts and MO are still taken",
        access="admin",
        answers=(ConnectorView,),
        refusals=(404, 503),
    ),
    Operation(
        method="POST",
        path="/v1/connectors/{name}/resume",
        name="resume",
        summary="Send again",
        access="admin",
        answers=(ConnectorView,),
        refusals=(404, 503),
    ),
    Operation(
        method="POST",
        path="/v1/connectors/{name}/rebind",
        name="rebind",
        summary="Leave all hosts and connect anew",
        access="admin",
        answers=(ConnectorView,),
        refusals=(404,),
    ),
    Operation(
        method="GET",
        path="/v1/connectors/{name}/operations",
        name="operations",
        summary="List what else a connector can do",
        access="admin",
        answers=(OperationList,),
        refusals=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/connectors/{name}/operations/{operation}",
        name="operate",
        summary="Do it; the body is an object of its arguments, or none",
        access="admin",
        body=dict[str, Any],
        answers=(dict[str, Any],),
        refusals=(400, 404, 409, 413, 415, 503),
    ),
    Operation(
        method="POST",
        path="/v1/replay",
        name="replay",
        summary="Send events to their webhooks again",
        access="admin",
        body=Replay,
        answers=(Replayed,),
        refusals=(400, 413, 415, 503),
    ),
    Operation(
        method="GET",
        path="/v1/webhook-secret",
        name="webhook_secret",
        summary="Show what signs the events to a message's own webhook_url",
        access="admin",
        query=(Parameter("url", "as messages name it, to the letter", _STRING),),
        answers=(WebhookSecret,),
        refusals=(400, 404),
    ),
    Operation(
        method="GET",
        path="/healthz",
        name="healthz",
        summary="Tell that the process works",
        access="anyone",
        answers=(Status,),
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="readyz",
        summary="Tell whether messages can be taken and sent",
        access="anyone",
        answers=(Status,),
        refusals=(503,),
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="The metrics, for Prometheus",
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="This document",
        answers=(dict[str, Any],),
    ),
)

ROUTES: Final = tuple(dict.fromkeys(operation.path for operation in OPERATIONS))
"""The templates: the label values of ``esmed_http_requests_total``."""
