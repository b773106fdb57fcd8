"""Every parameter of send.php, for the operations that send or ask for a price. Pure.

Names, values and ranges are the document's. ``charset``, ``fmt``, ``op`` and ``err``
are ours, since the answer has to be read; files come by ``fileurl`` only.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, structs

from esmed.bridge.content import refused
from esmed.models import Fault

CHANNELS: Final = (
    *("push", "hlr", "ping", "mms", "mail", "soc", "viber", "whatsapp", "call"),
)
"""A message takes one of them at most; none: it is an SMS."""
WITHOUT_TEXT: Final = frozenset({"hlr", "ping"})
_TIME: Final = (
    r"^(0|[0-9]{10}|[0-9]{2}\.[0-9]{2}\.[0-9]{2} [0-9]{2}: ?[0-9]{2}"
    r"|[0-9]{1,2}-[0-9]{1,2}|0[0-9]{8,11}|\+[0-9]{1,7})$"
)
_VALID: Final = r"^([1-9]|1[0-9]|2[0-4]|(?!00:00)([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"

Phones = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100_000,
        description="numbers, by comma or semicolon; with + they are not corrected; "
        "G and a number: that group of the account; with mail: addresses",
    ),
]
OwnId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._-]{1,40}$",
        description="the message's id; smsc assigns one if there is none",
    ),
]


class Parameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent to whom: ``phones`` and ``mes``, or ``list``."""

    phones: Phones | None = None
    mes: (
        Annotated[
            str,
            Meta(
                max_length=20_000,
                description="the text; with push: a link, a line's end, a title; "
                "with bin 2: header and data in hex; not for hlr and ping",
            ),
        ]
        | None
    ) = None
    list: (
        Annotated[
            str,
            Meta(
                min_length=3,
                max_length=1_000_000,
                description="instead of phones and mes: lines of numbers:text, or of "
                "sender,tz|numbers:text",
            ),
        ]
        | None
    ) = None
    nl: Annotated[bool, Meta(description="texts in list may have several lines")] = (
        False
    )
    id: OwnId | None = None
    sender: Annotated[str, Meta(max_length=100, description="shown as from")] | None = (
        None
    )
    translit: Annotated[Literal[0, 1, 2], Meta(description="in Latin letters")] = 0
    tinyurl: Annotated[bool, Meta(description="shorten links")] = False
    time: (
        Annotated[
            str,
            Meta(
                pattern=_TIME,
                description="when: DDMMYYhhmm, DD.MM.YY hh:mm, h1-h2, 0 and a Unix "
                "time, or + and minutes",
            ),
        ]
        | None
    ) = None
    tz: (
        Annotated[int, Meta(ge=-24, le=24, description="of time: hours from Moscow")]
        | None
    ) = None
    period: (
        Annotated[float, Meta(ge=0.1, le=720, description="hours to spread it over")]
        | None
    ) = None
    freq: (
        Annotated[
            int, Meta(ge=1, le=1440, description="minutes between two groups of it")
        ]
        | None
    ) = None
    flash: Annotated[bool, Meta(description="shown at once, not kept")] = False
    bin: Annotated[
        Literal[0, 1, 2],
        Meta(description="1: mes is octets, as characters to U+00FF; 2: it is hex"),
    ] = 0
    push: Annotated[bool, Meta(description="WAP push")] = False
    hlr: Annotated[bool, Meta(description="ask the operator about the number")] = False
    ping: Annotated[bool, Meta(description="an SMS that is not shown")] = False
    mms: bool = False
    mail: Annotated[bool, Meta(description="needs subj, mes and sender")] = False
    soc: Annotated[bool, Meta(description="to a social network")] = False
    viber: bool = False
    whatsapp: bool = False
    bot: (
        Annotated[str, Meta(pattern=r"^@\w{2,64}$", description="of Telegram")] | None
    ) = None
    smsreq: (
        Annotated[
            int,
            Meta(ge=10, le=999, description="days for which a number stays confirmed"),
        ]
        | None
    ) = None
    fileurl: (
        Annotated[
            str,
            Meta(
                pattern=r"^https?://\S{1,2000}$",
                description="a file to send along, of 101 octets at least",
            ),
        ]
        | None
    ) = None
    call: Annotated[bool, Meta(description="the text is read out")] = False
    voice: (
        Annotated[
            str,
            Meta(
                pattern=r"^[mw][2-4]?(, ?[a-z]{2})?$",
                description="m to m4, w to w4, with a language: m,en",
            ),
        ]
        | None
    ) = None
    param: (
        Annotated[
            str,
            Meta(
                pattern=r"^[0-9]{1,2},[0-9]{1,4},[0-9]$",
                description="of a call: seconds to wait, seconds between attempts, "
                "attempts",
            ),
        ]
        | None
    ) = None
    subj: (
        Annotated[str, Meta(max_length=1000, description="of an MMS or mail")] | None
    ) = None
    valid: (
        Annotated[str, Meta(pattern=_VALID, description="1 to 24 hours, or hh:mm")]
        | None
    ) = None
    maxsms: (
        Annotated[int, Meta(ge=1, le=255, description="what goes beyond is cut off")]
        | None
    ) = None
    imgcode: (
        Annotated[str, Meta(max_length=100, description="of a captcha; needs userip")]
        | None
    ) = None
    userip: (
        Annotated[
            str,
            Meta(
                pattern=r"^[0-9A-Fa-f:.]{3,45}$",
                description="the address whose daily limit counts",
            ),
        ]
        | None
    ) = None
    pp: Annotated[int, Meta(ge=1, description="id of a partner")] | None = None


class Send(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``send``."""

    cost: Annotated[
        Literal[0, 2, 3], Meta(description="2: tell the cost; 3: the balance as well")
    ] = 3


def fault_of(given: Parameters) -> Fault | None:
    """Tell what is wrong between the parameters; its code is the one at fault."""
    channels = [name for name in CHANNELS if getattr(given, name)]
    if len(channels) > 1:
        return refused(channels[1], f"goes not with {channels[0]}")
    if given.list is not None:
        if given.phones is not None or given.mes is not None:
            return refused("list", "stands for phones and mes")
        if given.bin or channels:
            return refused("list", "is of texts only")
    elif given.phones is None:
        return refused("phones", "is needed, or list")
    elif not given.mes and not given.fileurl and not WITHOUT_TEXT & {*channels}:
        return refused("mes", "is needed")
    return _fault_of_content(given) or _fault_of_company(given)


def fields(given: Parameters) -> dict[str, str | int | bytes]:
    """Return the parameters as they are sent, those that say nothing left out."""
    found: dict[str, str | int | bytes] = {}
    for name, value in structs.asdict(given).items():
        match value:
            case None | False | 0:
                continue
            case True:
                found[name] = 1
            case float():
                found[name] = f"{value:g}"
            case _:
                found[name] = value
    if given.tz == 0:
        found["tz"] = 0  # Moscow; without it, as in the account's settings
    if given.bin == 1 and given.mes:
        found["mes"] = given.mes.encode("latin-1")
    return found


def _fault_of_content(given: Parameters) -> Fault | None:
    text = given.mes or ""
    if given.bin == 1 and any(character > "\xff" for character in text):
        return refused("mes", "has characters that are no octets")
    if given.bin == 2 and not _is_hex(text):
        return refused("mes", "is not hex")
    if given.push and "\n" not in text:
        return refused("mes", "needs a link and, in a second line, a title")
    return None


def _fault_of_company(given: Parameters) -> Fault | None:
    for name, company in (("freq", "period"), ("imgcode", "userip"), ("nl", "list")):
        if getattr(given, name) and getattr(given, company) is None:
            return refused(name, f"needs {company}")
    if given.mail:
        for name in ("subj", "mes", "sender"):
            if not getattr(given, name):
                return refused(name, "is needed for a mail")
    if given.mms and not given.subj and not given.mes:
        return refused("subj", "or mes is needed for an MMS")
    return None


def _is_hex(text: str) -> bool:
    """Whether it is header and data in hex, and perhaps ``pid`` and ``dcs`` behind."""
    octets, _, _ = text.partition("\n~~~\n")
    try:
        return bool(bytes.fromhex(octets))
    except ValueError:
        return False
