"""What a command_status means for the part it answers, and for a bind. Pure.

==============  ===================================================================
action          statuses
==============  ===================================================================
``throttle``    RTHROTTLED: the connector pauses, the part goes again
``queue_full``  RMSGQFUL: what goes to that destination waits
``temporary``   RSYSERR, RSUBMITFAIL, RX_T_APPN, RINVBNDSTS, RALYBND,
                RSERTYPUNAVAIL, RUNKNOWNERR, and **every number that this table
                does not name**, the vendors' 0x400 to 0x4FF included
``message``     wrong recipient, length, expiry, schedule, alphabet; refused by the
                receiving application
``account``     wrong sender, credentials, system_type, service_type, prohibited
``protocol``    anything else of ours that the SMSC cannot read or do
==============  ===================================================================

The last three are refusals for good (`Rejected`), the others may pass (`Deferred`).

A vendor's number may mean anything from a full queue to a blocked recipient. Taken
for final, a passing fault would lose the message; taken for temporary, a lasting one
costs the bounded tries of the retry policy and ends as ``failed`` with the number in
view. The second is the smaller harm. RSUBMITFAIL is what some SMSCs say when their
window is full, RUNKNOWNERR whatever it likes; RINVBNDSTS: the SMSC forgot our bind,
which the link then makes anew.
Where a carrier says what its numbers mean, `statuses` of the connector goes first.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from esmed.models import Deferred, Fault, FaultClass, Rejected
from esmed.smpp.failover import Failure
from esmed.smpp.quirks import StatusAction
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


def _table(
    *groups: tuple[Iterable[CommandStatus], StatusAction],
) -> dict[int, StatusAction]:
    return {int(status): action for statuses, action in groups for status in statuses}


_ACTIONS: Final = _table(
    ((_S.ESME_RTHROTTLED,), "throttle"),
    ((_S.ESME_RMSGQFUL,), "queue_full"),
    (_MESSAGE, "message"),
    (_ACCOUNT, "account"),
    (_PROTOCOL, "protocol"),
)
_REJECTED: Final[Mapping[StatusAction, FaultClass]] = {
    "message": FaultClass.MESSAGE,
    "account": FaultClass.ACCOUNT,
    "protocol": FaultClass.PROTOCOL,
}

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


class Statuses:
    """What the statuses of one SMSC mean: the table above, but for ``own``."""

    def __init__(self, own: Mapping[int, StatusAction] | None = None) -> None:
        self._own = dict(own or {})
        self._actions = {**_ACTIONS, **self._own}

    def action(self, status: int) -> StatusAction:
        """What a status other than ESME_ROK calls for."""
        return self._actions.get(status, "temporary")

    def outcome(self, status: int) -> Rejected | Deferred:
        """What such a status makes of a submitted part."""
        action = self.action(status)
        cls = _REJECTED.get(action)
        if cls is not None:
            return Rejected(Fault(cls, status, describe(status)))
        fault = Fault(FaultClass.TEMPORARY, status, describe(status))
        return Deferred(fault, destination=action == "queue_full")

    def bind_failure(self, status: int) -> Failure:
        """How a refused bind is to be tried again.

        Of ``own`` only ``account`` says something of binds: only the operator can help.
        """
        own = self._own.get(status)
        if own is not None:
            return Failure.CREDENTIALS if own == "account" else Failure.OTHER
        if status in _CREDENTIALS:
            return Failure.CREDENTIALS
        if status == _S.ESME_RALYBND:
            return Failure.ALREADY_BOUND
        return Failure.OTHER


@lru_cache(maxsize=1024)
def describe(status: int) -> str:
    """``ESME_RTHROTTLED: …`` with the standard's words, or the bare number's range."""
    return f"{status_name(status)}: {status_text(status)}"
