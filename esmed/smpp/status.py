"""What a command_status means for the part it answers, and for a bind. Pure.

============  =====================================================================
outcome       statuses
============  =====================================================================
`Deferred`    temporary: RSYSERR, RMSGQFUL, RTHROTTLED, RSUBMITFAIL, RX_T_APPN,
              RINVBNDSTS, RALYBND, RSERTYPUNAVAIL, RUNKNOWNERR, and **every number
              that this table does not name**, the vendors' 0x400 to 0x4FF included
`Rejected`    message: wrong recipient, length, expiry, schedule, alphabet; refused by
              the receiving application
`Rejected`    account: wrong sender, credentials, system_type, service_type, prohibited
`Rejected`    protocol: anything else of ours that the SMSC cannot read or do
============  =====================================================================

A vendor's number may mean anything from a full queue to a blocked recipient. Taken
for final, a passing fault would lose the message; taken for temporary, a lasting one
costs the bounded tries of the retry policy and ends as ``failed`` with the number in
view. The second is the smaller harm. RSUBMITFAIL is what some SMSCs say when their
window is full, RUNKNOWNERR whatever it likes; RINVBNDSTS: the SMSC forgot our bind.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from esmed.models import Deferred, Fault, FaultClass, Rejected
from esmed.smpp.failover import Failure
from pdu.vocabulary import CommandStatus, status_name, status_text

_S = CommandStatus

_MESSAGE: Final = (
    _S.ESME_RINVMSGLEN,
    _S.ESME_RINVDSTADR,
    _S.ESME_RINVSCHED,
    _S.ESME_RINVEXPIRY,
    _S.ESME_RX_P_APPN,
    _S.ESME_RX_R_APPN,
    _S.ESME_RDELIVERYFAILURE,
    _S.ESME_RINVDCS,
)
_ACCOUNT: Final = (
    _S.ESME_RINVSRCADR,
    _S.ESME_RBINDFAIL,
    _S.ESME_RINVPASWD,
    _S.ESME_RINVSYSID,
    _S.ESME_RINVSYSTYP,
    _S.ESME_RINVSERTYP,
    _S.ESME_RSERTYPUNAUTH,
    _S.ESME_RSERTYPDENIED,
    _S.ESME_RPROHIBITED,
)
_PROTOCOL: Final = (
    _S.ESME_RINVCMDLEN,
    _S.ESME_RINVCMDID,
    _S.ESME_RINVPRTFLG,
    _S.ESME_RINVREGDLVFLG,
    _S.ESME_RINVMSGID,
    _S.ESME_RINVNUMDESTS,
    _S.ESME_RINVDLNAME,
    _S.ESME_RINVDESTFLAG,
    _S.ESME_RINVSUBREP,
    _S.ESME_RINVESMCLASS,
    _S.ESME_RCNTSUBDL,
    _S.ESME_RINVSRCTON,
    _S.ESME_RINVSRCNPI,
    _S.ESME_RINVDSTTON,
    _S.ESME_RINVDSTNPI,
    _S.ESME_RINVREPFLAG,
    _S.ESME_RINVNUMMSGS,
    _S.ESME_RINVDFTMSGID,
    _S.ESME_RINVOPTPARSTREAM,
    _S.ESME_ROPTPARNOTALLWD,
    _S.ESME_RINVPARLEN,
    _S.ESME_RMISSINGOPTPARAM,
    _S.ESME_RINVOPTPARAMVAL,
    _S.ESME_RINVSRCADDRSUBUNIT,
    _S.ESME_RINVDSTADDRSUBUNIT,
)


def _classes(
    *groups: tuple[Iterable[CommandStatus], FaultClass],
) -> dict[int, FaultClass]:
    return {int(status): cls for statuses, cls in groups for status in statuses}


_REJECTED: Final = _classes(
    (_MESSAGE, FaultClass.MESSAGE),
    (_ACCOUNT, FaultClass.ACCOUNT),
    (_PROTOCOL, FaultClass.PROTOCOL),
)

_CREDENTIALS: Final = frozenset(
    {
        # RBINDFAIL says nothing but "no": wrong account, no money, too many binds. None
        # of them gets better by asking every second.
        int(_S.ESME_RBINDFAIL),
        int(_S.ESME_RINVPASWD),
        int(_S.ESME_RINVSYSID),
        int(_S.ESME_RINVSYSTYP),
    }
)


@lru_cache(maxsize=1024)
def outcome(status: int) -> Rejected | Deferred:
    """What a status other than ESME_ROK makes of a submitted part."""
    cls = _REJECTED.get(status)
    fault = Fault(cls or FaultClass.TEMPORARY, status, describe(status))
    return Deferred(fault) if cls is None else Rejected(fault)


def bind_failure(status: int) -> Failure:
    """How a refused bind is to be tried again."""
    if status in _CREDENTIALS:
        return Failure.CREDENTIALS
    if status == _S.ESME_RALYBND:
        return Failure.ALREADY_BOUND
    return Failure.OTHER


@lru_cache(maxsize=1024)
def describe(status: int) -> str:
    """``ESME_RTHROTTLED: …`` with the standard's words, or the bare number's range."""
    return f"{status_name(status)}: {status_text(status)}"
