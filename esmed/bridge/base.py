"""The contract between a provider's protocol and what carries it. Pure.

A `Provider` builds requests and reads answers; it never waits, reads no clock and keeps
no state. It

* MUST give exactly one outcome for each message, in the order of the messages,
  whatever the answer looks like: what cannot be read is `Unknown`, since the provider
  may have taken it;
* MUST find its results by number and id, never by position;
* MUST refuse in `refusal` what its protocol cannot express, and SHOULD NOT enforce
  limits that the provider may change;
* MUST keep the provider's own code in every fault, and MUST NOT put credentials, texts
  or whole numbers into one;
* MUST take unknown codes, states, elements and keys for what `Fault` and
  `MessageState.UNKNOWN` are there for, never for an exception;
* MAY answer questions, take pushes, cancel, and offer operations: `Traits` says what.

Requests are described by `Call` and answers by `Reply`, the same for HTTP and mail.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from msgspec import Struct

from esmed.connector import Sent
from esmed.models import Encoding, Fault, MessageState, Millis, Outcome, Request

# --- requests and answers ------------------------------------------------------------


class HttpCall(Struct, frozen=True, kw_only=True):
    """One HTTP request. Its ``repr`` shows no secret: only what it is for."""

    operation: str
    """What it is for, from a closed set: a label of metrics, and in the log."""
    path: str = ""
    """Put behind the node's base URL, query included; never with a secret in it."""
    method: Literal["GET", "POST"] = "POST"
    body: bytes = b""
    headers: Mapping[str, str] = {}
    node: str | None = None
    """The base URL to use and no other; None: whichever is in use."""
    bound: int = 10 * 2**20
    """Octets of an answer that are read at most; a longer one is no answer."""
    response_timeout: float | None = None
    """Seconds until the answer has to be there; None: as it is configured."""

    def __repr__(self) -> str:
        return f"HttpCall({self.operation!r}, {self.method} {self.path!r})"


class MailCall(Struct, frozen=True, kw_only=True):
    """One mail to hand over. Its ``repr`` shows only what it is for."""

    operation: str
    sender: str
    recipient: str
    content: bytes
    """Headers and body, CRLF line ends, ASCII, RFC 5322. Nothing: only tries whether
    the server takes such mails, and sends none."""
    node: str | None = None

    def __repr__(self) -> str:
        return f"MailCall({self.operation!r})"


Call = HttpCall | MailCall


class Reply(Struct, frozen=True, kw_only=True):
    """An answer that came whole: an HTTP response, or the reply to a mail's end or to
    the first command that was refused."""

    status: int
    headers: Mapping[str, str] = {}
    """To be asked for in lower case."""
    body: bytes = b""
    node: str = ""
    """The base URL, or ``host:port``, that gave it."""


class NotSent(Struct, frozen=True):
    """The request has surely not been processed: no connection, no TLS, no answer to
    give because nothing was written."""

    reason: str


class Ambiguous(Struct, frozen=True):
    """The request may have been processed: no usable answer came."""

    reason: str


# --- sending -------------------------------------------------------------------------


class Outgoing(Struct, frozen=True, kw_only=True):
    """A message about to be sent."""

    id: str
    """Ours: a UUID in its usual form, 36 characters; the same at each attempt."""
    request: Request
    sender: str | None
    """The request's, else the connector's ``default_from``."""
    expires_at: Millis
    doubtful: bool = False
    """Whether an attempt before this one may have been processed. Where there are
    `Traits.rechecks` it was looked for just now, and not found."""

    @property
    def to(self) -> str:
        """Digits, international form."""
        return self.request.to

    def seconds_left(self, now: Millis) -> int:
        """Return how long it is valid from ``now``, or from its ``send_at``; 1 at
        least."""
        start = max(now, self.request.send_at or now)
        return max((self.expires_at - start) // 1000, 1)


class Answer(Struct, frozen=True, kw_only=True):
    """What a provider's answer to a submit means."""

    outcomes: Sequence[Outcome]
    """One for each message, in their order."""
    elsewhere: bool = False
    """Nothing was taken, and another node may take it now."""
    singly: bool = False
    """Nothing was taken because of one of them, and the answer does not say which: each
    is to go in a call of its own. The outcomes are for those who cannot do that."""
    understood: bool = False
    """The node works, although the outcomes are `Unknown`, each of them: without that
    three such answers in a row have it probed."""
    pause: float = 0.0
    """Seconds for which the provider wants no request at all."""
    reason: str = ""
    """For the pause, and the log."""


# --- what became of it ---------------------------------------------------------------


class News(Struct, frozen=True, kw_only=True):
    """What a provider says has become of a message, pushed or asked for."""

    ids: tuple[str, ...]
    """The ids it may be known by, best first: those of `Accepted`. Where the provider
    has one id for many numbers they are ``ID/NUMBER``."""
    state: MessageState
    """``buffered`` (the network keeps trying) or a final state."""
    stat: str
    """The provider's own word or number."""
    err: str = ""
    reason: str = ""
    """What ``err`` means."""
    done_at: Millis | None = None
    recipient: str = ""
    """Needed of a push with several ids: all but the first count only if it agrees."""
    text: str = ""


Asked = News | Fault | None
"""None: nothing has become of it yet. A fault of the class ``temporary``: ask again."""


class Mo(Struct, frozen=True, kw_only=True):
    """A message from a subscriber."""

    id: str
    """The provider's, by which a repetition is known; "" if there is none."""
    source: str
    destination: str
    text: str | None
    data: bytes = b""
    encoding: Encoding = "ucs2"


class CallbackRequest(Struct, frozen=True, kw_only=True):
    """A push as it came."""

    method: str
    query: bytes
    """Behind the ``?``, as it was written."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class CallbackReply(Struct, frozen=True, kw_only=True):
    """What a provider wants to hear."""

    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""


class AutoReply(Struct, frozen=True, kw_only=True):
    """How the sender of a message is answered, in the reply to its push; who repeats
    the message hears the same again."""

    text: str = ""
    """What to say, or where there is a ``url`` what to say if that says nothing."""
    url: str | None = None
    """Whom to ask."""
    timeout: float = 5.0
    charset: str = "utf-8"
    """Of the answer; characters that it lacks become question marks."""


class Pushed(Struct, frozen=True, kw_only=True):
    """What a push brought, and what to answer once that is on disk."""

    items: Sequence[News | Mo] = ()
    reply: CallbackReply = CallbackReply()
    broken: int = 0
    """Entries that could not be read: for the log."""
    auto: AutoReply | None = None
    """Instead of the reply: how the one message that there is, is answered."""


# --- operations ----------------------------------------------------------------------


class Wait(Struct, frozen=True):
    """A step of an operation: let so many seconds pass."""

    seconds: float


class NoReply(Exception):  # noqa: N818 - not an error of ours
    """Thrown into an operation at a call that got no reply; if it lets it pass, the
    operation has failed. Its text says why there was none."""


Steps = Generator[HttpCall | Wait, Reply, Mapping[str, Any] | Fault]
"""An operation under way: it yields calls and is sent their replies (of a `Wait` an
empty one), and returns plain JSON values, or why there are none."""


class Procedure(Struct, frozen=True, kw_only=True):
    """Something else that a provider can do, for `esmed.connector.Operation`."""

    name: str
    summary: str
    arguments: type[Struct]
    """Forbids unknown fields; its `msgspec.Meta` are the documentation."""
    run: Callable[[Any, Millis], Steps]
    """Given the arguments and the time. A fault whose code is the name of an argument
    says that this one does not fit; any other, that the provider cannot or will not."""
    seconds: float = 60.0
    """How long it may take in all."""


# --- the provider --------------------------------------------------------------------


class Traits(Struct, frozen=True, kw_only=True):
    """What a protocol can do."""

    batch: int = 1
    """Messages of one group in one call."""
    asks: int = 0
    """Messages in one question for their states; 0: it cannot be asked."""
    asks_every: float = 1.0
    """Seconds between two such questions, at least."""
    retention: float = 86_400.0
    """Seconds after which the provider knows nothing of a message any more."""
    rechecks: bool = False
    """Whether it can be found out if a request without an answer was processed."""
    cancels: bool = False
    schedules: bool = False
    """Whether a message with a ``send_at`` is handed over at once."""
    receipts: bool = True
    """Whether anything is heard of a message after it was taken."""
    pushes: frozenset[str] = frozenset()
    """Of ``status``, ``mo``, ``short``: what comes to its callbacks."""
    pulls: bool = False
    """Whether messages from subscribers can be asked for: see `Provider.pull_every`."""


class Provider:
    """One provider's protocol, for one connector's configuration.

    What `Traits` rule out is not called.
    """

    traits: ClassVar[Traits] = Traits()
    pull_every: float | None = None
    """Seconds between two pulls; None: nothing is pulled."""

    def refusal(self, request: Request) -> Fault | None:
        """Tell why a message cannot be expressed: class ``message``, and as its code
        the field at fault."""
        return None

    def group(self, message: Outgoing) -> Hashable:
        """Return what messages must have in common to go in one call."""
        raise NotImplementedError

    def apart(self, message: Outgoing) -> Hashable | None:
        """Return what no two messages of one call may have in common, because answers
        and states could not be told apart; None: nothing. Most often the number."""
        return message.to

    def build(self, messages: Sequence[Outgoing], now: Millis) -> Call:
        """Make the request for messages of one group, `Traits.batch` at most, each
        different in `apart`.

        The same messages and time give the same request, octet by octet.
        """
        raise NotImplementedError

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        """Read what was answered to it."""
        raise NotImplementedError

    def build_probe(self) -> Call:
        """Make a request that changes nothing and tells whether the account works."""
        raise NotImplementedError

    def parse_probe(self, reply: Reply) -> Fault | None:
        """Tell what is wrong; None: messages can be sent."""
        raise NotImplementedError

    # --- rechecks

    def build_recheck(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        """Make a request that tells whether these were taken: all those of one call
        that got no answer, or what is `Outgoing.doubtful` of one about to be made.
        It may be that for sending, if the provider is sure to take nothing twice."""
        raise NotImplementedError

    def parse_recheck(
        self, messages: Sequence[Outgoing], reply: Reply, now: Millis
    ) -> Sequence[Outcome | None]:
        """Tell what became of each: `Accepted`; `Deferred` if it surely was not taken;
        None if that is still open."""
        raise NotImplementedError

    # --- asks

    def ask_group(self, sent: Sent) -> Hashable:
        """Return what messages must have in common to be asked for in one call."""
        return None

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        """Make the question for messages of one group, `Traits.asks` at most."""
        raise NotImplementedError

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        """Tell what has become of each, in their order."""
        raise NotImplementedError

    # --- cancels

    def build_cancel(self, sent: Sent) -> HttpCall:
        """Make the request that has the provider drop a message."""
        raise NotImplementedError

    def parse_cancel(self, sent: Sent, reply: Reply) -> Fault | None:
        """Tell why it has not; None: it has."""
        raise NotImplementedError

    # --- pushes

    def parse_push(self, kind: str, request: CallbackRequest, now: Millis) -> Pushed:
        """Read a push to ``/callbacks/…/{kind}``; what is broken in it costs that one
        entry. A status of 400 and up in the reply refuses it, and nothing of it is
        kept."""
        raise NotImplementedError

    # --- pulls

    def build_pull(self, since: Millis, now: Millis) -> HttpCall:
        """Ask for messages from subscribers since then."""
        raise NotImplementedError

    def parse_pull(self, reply: Reply) -> Sequence[Mo] | Fault:
        """Read them: those known already may be among them."""
        raise NotImplementedError

    def procedures(self) -> Sequence[Procedure]:
        """Tell what else the provider can do."""
        return ()
