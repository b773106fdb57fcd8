"""Texts for libraries that know PDUs only; all of it somebody else's work too.

smpplib codes and cuts, aiosmpplib decodes. What is neither is `header` of 16 bits and
reading a user data header.
"""

import struct
from typing import Any

from aiosmpplib.codec import GSM7BitCodec
from smpplib import gsm

UDHI = 0x40
REFERENCE = 0x1234
SAR = ("sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum")


def pdus(command: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields, optional ones too, of the PDUs that a `send` comes to."""
    fields = {"data_coding": 0, "esm_class": 0, **command["fields"]}
    text, concat = command["text"] or "", command.get("concat")
    udh8 = concat == "udh8"
    parts, coding, esm_class = gsm.make_parts(text, fields["data_coding"], udh8)
    fields["data_coding"] = int(coding)
    fields["esm_class"] |= int(esm_class)
    if concat == "payload":
        return [{**fields, "message_payload": b"".join(parts)}]
    if concat is None:
        assert len(parts) == 1
        return [{**fields, "short_message": parts[0]}]
    numbers = list(range(1, len(parts) + 1))
    match command.get("order"):
        case "reversed":
            numbers.reverse()
        case "rotated":
            numbers.append(numbers.pop(0))
        case _:
            pass
    return [
        {**fields, **_part(concat, parts[number - 1], len(parts), number)}
        for number in numbers
    ]


def _part(concat: str, octets: bytes, total: int, number: int) -> dict[str, Any]:
    if concat == "udh8":
        return {"short_message": octets}
    if concat == "sar":
        place = (REFERENCE, total, number)
        return {"short_message": octets, **dict(zip(SAR, place, strict=True))}
    header = struct.pack(">BBBHBB", 6, 8, 4, REFERENCE, total, number)
    return {"esm_class": UDHI, "short_message": header + octets}


def event(command: str, fields: dict[str, Any], octets: bytes) -> dict[str, Any]:
    """The event of a message; of one without text too."""
    concat = None
    if fields["esm_class"] & UDHI:
        header, octets = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
        wide = header[0] == 8
        reference = int.from_bytes(header[2 : 3 + wide], "big")
        concat = (reference, header[-2], header[-1])
    elif fields.get("sar_total_segments"):
        concat = (fields[SAR[0]], fields[SAR[1]], fields[SAR[2]])
    coding = fields["data_coding"] & 0x0F
    text = None
    if coding == 8:
        text = octets.decode("utf-16-be", "surrogatepass")
    elif coding == 0:
        text = str(GSM7BitCodec().decode(octets)[0])
    return {
        "event": "pdu",
        "command": command,
        "status": 0,
        "fields": fields,
        "text": text,
        "data": octets.hex() if text is None else None,
        "concat": concat,
    }


def answer(command: str, status: int, **fields: Any) -> dict[str, Any]:
    """The event of a response."""
    return {"event": "pdu", "command": command, "status": status, "fields": fields}
