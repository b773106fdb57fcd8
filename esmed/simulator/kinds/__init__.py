"""The kinds of fault, each in one place: its parameters and what it does.

When it does so (`at`, `every`, `for`, `after`, `p`, …) is `esmed.simulator.faults`,
where it takes hold `esmed.simulator.hooks`. The table here knows them all.
"""

from typing import Final

from esmed.simulator.hooks import Kind
from esmed.simulator.kinds import link, receipts, traffic

KINDS: Final[dict[str, type[Kind]]] = {
    kind.kind: kind
    for kind in (
        link.RefuseConnect,
        link.HangUp,
        link.StallConnect,
        link.HalfOpen,
        link.ForgetsBinds,
        link.Drop,
        link.Fin,
        link.UnbindAll,
        link.SplitWrites,
        link.Garbage,
        link.Truncated,
        link.BadLength,
        link.UnknownCommand,
        link.UnknownTlvs,
        link.WrongPassword,
        link.AlreadyBound,
        link.Glued,
        traffic.Silence,
        traffic.EnquireLinkUnanswered,
        traffic.SlowResponses,
        traffic.GenericNack,
        traffic.Unsupported,
        traffic.OddResponse,
        traffic.Refuse,
        traffic.Throttle,
        traffic.QueueFull,
        traffic.Ends,
        traffic.NoResponse,
        traffic.LateResponse,
        traffic.DuplicateResponse,
        receipts.ReceiptBeforeResponse,
        receipts.ReceiptTwice,
        receipts.ReceiptOnOtherBind,
        receipts.ReceiptLost,
        receipts.ReceiptUnasked,
        receipts.ReceiptOdd,
        traffic.Mo,
    )
}
