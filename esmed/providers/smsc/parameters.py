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
_TIME: Final = (
    r"^(0|[0-9]{10}|[0-9]{2}\.[0-9]{2}\.[0-9]{2} [0-9]{2}: ?[0-9]{2}"
    r"|[0-9]{1,2}-[0-9]{1,2}|0[0-9]{8,11}|\+[0-9]{1,7})$"
)
_VALID: Final = r"^([1-9]|1[0-9]|2[0-4]|(?!00:00)([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"

Phones = Annotated[str, Meta(min_length=1, max_length=100_000)]
OwnId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
_Content = Annotated[str, Meta(max_length=20_000)]
_List = Annotated[str, Meta(min_length=3, max_length=1_000_000)]
_Line = Annotated[str, Meta(max_length=1000)]
_Time = Annotated[str, Meta(pattern=_TIME)]
_Valid = Annotated[str, Meta(pattern=_VALID)]
_Hours = Annotated[float, Meta(ge=0.1, le=720)]
_Zone = Annotated[int, Meta(ge=-24, le=24)]
_Minutes = Annotated[int, Meta(ge=1, le=1440)]
_Days = Annotated[int, Meta(ge=10, le=999)]
_Parts = Annotated[int, Meta(ge=1, le=255)]
_Partner = Annotated[int, Meta(ge=1)]
_Bot = Annotated[str, Meta(pattern=r"^@\w{2,64}$")]
_FileUrl = Annotated[str, Meta(pattern=r"^https?://\S{1,2000}$")]
_Voice = Annotated[str, Meta(pattern=r"^[mw][2-4]?(, ?[a-z]{2})?$")]
_Param = Annotated[str, Meta(pattern=r"^[0-9]{1,2},[0-9]{1,4},[0-9]$")]
_Address = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f:.]{3,45}$")]

PHONES: Final = Meta(
    description="numbers, by comma or semicolon; with + they are not corrected; G and "
    "a number: that group of the account; with mail: addresses"
)
OWN_ID: Final = Meta(description="the message's id; smsc assigns one if there is none")


class Parameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent to whom: ``phones`` and ``mes``, or ``list``."""

    phones: Annotated[Phones | None, PHONES] = None
    mes: Annotated[
        _Content | None,
        Meta(
            description="the text; with push: a link, a line's end, a title; with bin "
            "2: header and data in hex; not for hlr and ping"
        ),
    ] = None
    list: Annotated[
        _List | None,
        Meta(
            description="instead of phones and mes: lines of numbers:text, or of "
            "sender,tz|numbers:text"
        ),
    ] = None
    nl: Annotated[bool, Meta(description="texts in list may have several lines")] = (
        False
    )
    id: Annotated[OwnId | None, OWN_ID] = None
    sender: Annotated[_Line | None, Meta(description="shown as from")] = None
    translit: Annotated[Literal[0, 1, 2], Meta(description="in Latin letters")] = 0
    tinyurl: Annotated[bool, Meta(description="shorten links")] = False
    time: Annotated[
        _Time | None,
        Meta(
            description="when: DDMMYYhhmm, DD.MM.YY hh:mm, h1-h2, 0 and a Unix time, "
            "or + and minutes"
        ),
    ] = None
    tz: Annotated[_Zone | None, Meta(description="of time: hours from Moscow")] = None
    period: Annotated[_Hours | None, Meta(description="hours to spread it over")] = None
    freq: Annotated[
        _Minutes | None, Meta(description="minutes between two groups of it")
    ] = None
    flash: Annotated[bool, Meta(description="shown at once, not kept")] = False
    bin: Annotated[
        Literal[0, 1, 2],
        Meta(description="1: mes is octets, as characters to U+00FF; 2: it is hex"),
    ] = 0
    push: Annotated[bool, Meta(description="WAP push")] = False
    hlr: Annotated[bool, Meta(description="ask the operator about the number")] = False
    ping: Annotated[bool, Meta(description="an SMS that is not shown")] = False
    mms: Annotated[bool, Meta(description="an MMS; needs subj or mes")] = False
    mail: Annotated[bool, Meta(description="needs subj, mes and sender")] = False
    soc: Annotated[bool, Meta(description="to a social network")] = False
    viber: Annotated[bool, Meta(description="by Viber")] = False
    whatsapp: Annotated[bool, Meta(description="by WhatsApp")] = False
    bot: Annotated[_Bot | None, Meta(description="of Telegram, with its @")] = None
    smsreq: Annotated[
        _Days | None, Meta(description="for which a number stays confirmed")
    ] = None
    fileurl: Annotated[
        _FileUrl | None, Meta(description="a file to send, of 101 octets at least")
    ] = None
    call: Annotated[bool, Meta(description="the text is read out")] = False
    voice: Annotated[
        _Voice | None, Meta(description="m to m4, w to w4, with a language: m,en")
    ] = None
    param: Annotated[
        _Param | None,
        Meta(
            description="of a call: seconds to wait, seconds between attempts, attempts"
        ),
    ] = None
    subj: Annotated[_Line | None, Meta(description="of an MMS or mail")] = None
    valid: Annotated[_Valid | None, Meta(description="1 to 24 hours, or hh:mm")] = None
    maxsms: Annotated[
        _Parts | None, Meta(description="parts; what goes beyond is cut off")
    ] = None
    imgcode: Annotated[_Line | None, Meta(description="of a captcha; needs userip")] = (
        None
    )
    userip: Annotated[
        _Address | None, Meta(description="the address whose daily limit counts")
    ] = None
    pp: Annotated[_Partner | None, Meta(description="id of a partner")] = None


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
    elif not _says_something(given):
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


def _says_something(given: Parameters) -> bool:
    """Whether it has a content, or is of a kind that needs none."""
    wordless = given.hlr or given.ping or (given.mms and given.subj)
    return bool(given.mes or given.fileurl or wordless)


def _is_hex(text: str) -> bool:
    """Whether it is header and data in hex, and perhaps ``pid`` and ``dcs`` behind."""
    octets, _, _ = text.partition("\n~~~\n")
    try:
        return bool(bytes.fromhex(octets))
    except ValueError:
        return False
