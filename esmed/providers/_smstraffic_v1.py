"""What SMS Traffic says of the parameters and answers of its HTTP API v1, which hold
for those of the same names over SOAP and mail. Pure.

What is wrong with one message refuses the whole request; the answer names the number at
best inside of a sentence, beside texts that may hold numbers, too. So those requests
are taken apart (`Answer.singly`) instead of read.
"""

from collections.abc import Hashable, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from esmed.bridge import dates
from esmed.bridge.base import Answer, News, Outgoing
from esmed.bridge.content import refused as cannot
from esmed.models import (
    Deferred,
    Fault,
    FaultClass,
    Millis,
    Outcome,
    Rejected,
    Request,
)
from esmed.providers import _smstraffic
from esmed.views import timestamp
from pdu import segment

BATCH: Final = 100
"""Messages in a request. The platform gives ids to 6000 short messages at most; fewer
are less to be in doubt about when no answer comes."""
_MOST_IN_COMPANY: Final = 6000 // BATCH * 67
"""UTF-16 units of a message that surely makes no more than its share of the 6000."""

RETENTION: Final = 2 * 86_400.0
"""Seconds for which statuses are kept."""
MOST_IDS: Final = 15
"""In a question: a public client keeps to that, the description names no limit."""
MOST_TOLD: Final = 5000
"""In an operation on messages: what the description has for ``set_checked``."""

NO_SUCH: Final = Fault(
    FaultClass.TEMPORARY, _smstraffic.NO_SUCH_MESSAGE, "the provider knows no such id"
)
"""After two days, and on a node that has not heard of a message yet; it says nothing
about its delivery."""

_MOST_SECONDS: Final = 86_400
_FINEST_SECONDS: Final = 10
_COARSENESS: Final = 24
"""Of messages that go together none lives longer than it should by more than that part
of its validity: the lifetime is one for all."""

_OF_THE_SENDER: Final = frozenset({421, 436})
"""Codes about the sender, which the messages of a request have in common."""


SmsId = Annotated[str, Meta(pattern="^[0-9]{1,40}$")]
Ids = Annotated[
    list[SmsId],
    Meta(
        min_length=1,
        max_length=MOST_TOLD,
        description="The provider's ids: `smsc_id` in the message object.",
    ),
]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An operation without arguments."""


class OfMessages(Struct, frozen=True, forbid_unknown_fields=True):
    """An operation on messages."""

    ids: Ids


def refusal(request: Request) -> Fault | None:
    """Tell why a message cannot be expressed."""
    if request.data is not None:
        return cannot("data", "the provider takes only text")
    if request.encoding in {"latin1", "binary"}:
        return cannot("encoding", "the provider chooses between gsm7 and ucs2")
    if not request.text:
        return cannot("text", "the provider takes no empty message")
    if request.flash and len(segment.split(request.text).parts) > 1:
        return cannot("flash", "the provider shows one short message at once, no more")
    return None


def group(message: Outgoing) -> Hashable:
    """Return what messages have in common that can go in one request."""
    request = message.request
    width = max(request.validity // _COARSENESS, _FINEST_SECONDS) * 1000
    units = len((request.text or "").encode("utf-16-le")) // 2
    return (
        message.sender,
        request.flash,
        width,
        message.expires_at // width,
        message.id if units > _MOST_IN_COMPANY else None,
    )


def lifetime(messages: Sequence[Outgoing], now: Millis) -> int:
    """Return the ``timeout``, in seconds, of messages of one group."""
    left = max(message.seconds_left(now) for message in messages)
    return min(left, _MOST_SECONDS)


def refused(messages: Sequence[Outgoing], code: int | None, said: str) -> Answer:
    """Return the answer for messages that were refused together; ``said`` is the
    provider's description."""
    given = messages[0].sender is not None
    fault = _smstraffic.api_fault(code, said, sender_given=given)
    temporary = fault.cls is FaultClass.TEMPORARY
    outcome: Outcome = Deferred(fault) if temporary else Rejected(fault)
    return Answer(
        outcomes=[outcome] * len(messages),
        elsewhere=code in {_smstraffic.TROUBLE, _smstraffic.WRONG_ADDRESS},
        singly=len(messages) > 1
        and fault.cls not in {FaultClass.ACCOUNT, FaultClass.TEMPORARY}
        and code not in _OF_THE_SENDER,
        reason=fault.detail,
    )


def question_fault(code: int | None, said: str) -> Fault:
    """Return what the refusal of a question for states means."""
    if code == _smstraffic.NO_SUCH_MESSAGE:
        return NO_SUCH
    return _smstraffic.api_fault(code, said)


def news(sms_id: str, status: str, changed: str, error: str) -> News | None:
    """Return what a status means; None: nothing yet, or about no message. ``error`` is
    that of the delivery, a number where it says something."""
    state = _smstraffic.state_of(status)
    if not sms_id or state is None:
        return None
    code = error if error.isascii() and error.isdigit() and error.strip("0") else ""
    return News(
        ids=(sms_id,),
        state=state,
        stat=status,
        err=code[:9],
        reason=_smstraffic.delivery_reason(int(code[:9])) if code else "",
        done_at=dates.read(changed, dates.MOSCOW),
    )


def instant(said: str) -> str | None:
    """Return a date, in UTC+3, as RFC 3339 in UTC; what is no date stays, and nothing
    is None."""
    at = dates.read(said, dates.MOSCOW)
    return (said or None) if at is None else timestamp(at)
