"""Our codec against that of ``smpp.pdu``, on the same PDUs, in one run.

Both sides work in turn in short windows, so that a stall of the machine spoils single
windows; their medians and their best windows are compared, never means.
Run it as ``python -m bench.codec`` from the root of the repository.
"""

import gc
import io
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from smpp.pdu import operations, pdu_encoding, pdu_types

from pdu import DeliverSm, Pdu, SubmitSm, Tag, decode, encode, receipt, tlv

WINDOWS = 80
WINDOW_SECONDS = 0.008

LONG = (
    b"Your parcel 20261121-0042 is waiting at our pick-up point in Main Street 7. "
    b"The code is 4711. We are open from 9 to 21 h and keep it for five days. Thank you"
    b"!!!"
)
SHORT = b"Hello"
RECEIPT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611212243 done date:2611212244 "
    b"stat:DELIVRD err:000 text:Your parcel 20261121"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: microseconds a PDU on both sides, and how many times faster.

    ``target`` is the least ratio that the project promises.
    """

    name: str
    target: float
    ours_median: float
    ours_best: float
    theirs_median: float
    theirs_best: float

    @property
    def ratio_median(self) -> float:
        return self.theirs_median / self.ours_median

    @property
    def ratio_best(self) -> float:
        return self.theirs_best / self.ours_best


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What one row measures: each side's function on each side's argument."""

    name: str
    target: float
    ours: Callable[[Any], object]
    our_argument: Any
    theirs: Callable[[Any], object]
    their_argument: Any


def rows() -> list[Row]:
    """All comparisons; about ten seconds."""
    return [_compare(subject) for subject in _subjects()]


def main() -> None:
    print("| codec, µs a PDU: median (best) | ours | smpp.pdu | faster | target |")
    print("|---|---|---|---|---|")
    for row in rows():
        print(
            f"| {row.name} | {row.ours_median:.2f} ({row.ours_best:.2f}) "
            f"| {row.theirs_median:.1f} ({row.theirs_best:.1f}) "
            f"| {row.ratio_median:.1f} × ({row.ratio_best:.1f} ×) "
            f"| {row.target:g} × |"
        )


def _subjects() -> list[Subject]:
    encoder = pdu_encoding.PDUEncoder()

    def their_decode(frame: bytes) -> object:
        return encoder.decode(io.BytesIO(frame))

    def our_receipt(frame: bytes) -> receipt.Receipt | None:
        pdu = decode(frame)
        assert isinstance(pdu, DeliverSm)
        return receipt.parse(pdu)

    found = []
    for name, text in (("160 octets", LONG), ("5 octets", SHORT)):
        pdu, their_pdu = _submit_sm(text)
        frame = encode(pdu)
        assert frame == encoder.encode(their_pdu)
        assert decode(frame) == pdu
        found += [
            Subject(
                name=f"submit_sm of {name}, encode",
                target=6,
                ours=encode,
                our_argument=pdu,
                theirs=encoder.encode,
                their_argument=their_pdu,
            ),
            Subject(
                name=f"submit_sm of {name}, decode",
                target=7,
                ours=decode,
                our_argument=frame,
                theirs=their_decode,
                their_argument=frame,
            ),
        ]
    for name, tlvs in (("text", ()), ("text and TLVs", _RECEIPT_TLVS)):
        frame = encode(_deliver_sm(tlvs))
        parsed = our_receipt(frame)
        assert parsed is not None
        assert parsed.state is receipt.ReceiptState.DELIVERED
        found.append(
            Subject(
                name=f"deliver_sm, receipt in {name}: decode and parse, theirs decode",
                target=5,
                ours=our_receipt,
                our_argument=frame,
                theirs=their_decode,
                their_argument=frame,
            )
        )
    return found


_RECEIPT_TLVS = (
    tlv.build(Tag.MESSAGE_STATE, 2),
    tlv.build(Tag.RECEIPTED_MESSAGE_ID, "0123456789"),
)


def _submit_sm(text: bytes) -> tuple[Pdu, Any]:
    """A usual one: alphanumeric sender, receipt asked for."""
    ours = SubmitSm(
        sequence=4711,
        source_addr_ton=5,
        source_addr="MyCompany",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="380501234567",
        registered_delivery=1,
        short_message=text,
    )
    theirs = operations.SubmitSM(
        4711,
        service_type=b"",
        source_addr_ton=pdu_types.AddrTon.ALPHANUMERIC,
        source_addr_npi=pdu_types.AddrNpi.UNKNOWN,
        source_addr=b"MyCompany",
        dest_addr_ton=pdu_types.AddrTon.INTERNATIONAL,
        dest_addr_npi=pdu_types.AddrNpi.ISDN,
        destination_addr=b"380501234567",
        esm_class=pdu_types.EsmClass(
            pdu_types.EsmClassMode.DEFAULT, pdu_types.EsmClassType.DEFAULT
        ),
        protocol_id=0,
        priority_flag=pdu_types.PriorityFlag.LEVEL_0,
        registered_delivery=pdu_types.RegisteredDelivery(
            pdu_types.RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED
        ),
        replace_if_present_flag=pdu_types.ReplaceIfPresentFlag.DO_NOT_REPLACE,
        data_coding=pdu_types.DataCoding(),
        sm_default_msg_id=0,
        short_message=text,
    )
    return ours, theirs


def _deliver_sm(tlvs: tuple[tuple[int, bytes], ...]) -> DeliverSm:
    return DeliverSm(
        sequence=4712,
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="380501234567",
        dest_addr_ton=5,
        destination_addr="MyCompany",
        esm_class=4,
        short_message=RECEIPT,
        tlvs=tlvs,
    )


def _compare(subject: Subject) -> Row:
    sides = (
        (subject.ours, subject.our_argument),
        (subject.theirs, subject.their_argument),
    )
    calls = [_calls_in_a_window(function, argument) for function, argument in sides]
    seconds: tuple[list[float], list[float]] = ([], [])
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(WINDOWS):
            for side, (function, argument) in enumerate(sides):
                seconds[side].append(_window(function, argument, calls[side]))
    finally:
        if collecting:
            gc.enable()
    ours, theirs = ([second * 1e6 for second in side] for side in seconds)
    return Row(
        name=subject.name,
        target=subject.target,
        ours_median=statistics.median(ours),
        ours_best=min(ours),
        theirs_median=statistics.median(theirs),
        theirs_best=min(theirs),
    )


def _calls_in_a_window(function: Callable[[Any], object], argument: Any) -> int:
    best = min(_window(function, argument, 50) for _ in range(20))
    return max(1, int(WINDOW_SECONDS / best))


def _window(function: Callable[[Any], object], argument: Any, calls: int) -> float:
    """Seconds a call."""
    repeat = range(calls)
    begin = perf_counter()
    for _ in repeat:
        function(argument)
    return (perf_counter() - begin) / calls


if __name__ == "__main__":
    main()
