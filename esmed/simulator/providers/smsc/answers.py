"""smsc's answers, in the formats of its document: 0 text, 1 numbers, 2 XML, 3 JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web
from msgspec import Struct

_TYPES: Final = {"2": "text/xml", "3": "application/json"}
WITH_ID: Final = frozenset({3, 6, 7, 8})
"""Errors that tell the message's id."""


class OfNumber(Struct, frozen=True, kw_only=True):
    """What ``op=1`` tells of a number."""

    phone: str
    cost: str
    status: int
    error: int
    mccmnc: str = "25501"


def written(given: Mapping[str, str], charset: str, text: str) -> web.Response:
    """An answer in the request's charset."""
    return web.Response(
        body=text.encode(charset, "replace"),
        content_type=_TYPES.get(given.get("fmt", "0"), "text/plain"),
        charset=charset,
    )


def refused(fmt: str, code: int, text: str, own: str) -> str:
    """An error."""
    told = own if code in WITH_ID else ""
    match fmt:
        case "1":
            return f"{told or 0},-{code}"
        case "2":
            end = f"<id>{escape(told)}</id>\n" if told else ""
            return (
                f"<result>\n<error>{escape(text)}</error>\n"
                f"<error_code>{code}</error_code>\n{end}</result>"
            )
        case "3":
            more = {"id": _id(told)} if told else {}
            return json.dumps({"error": text, "error_code": code, **more})
        case _:
            end = f", ID - {told}" if told else ""
            return f"ERROR = {code} ({text}){end}"


def taken(
    fmt: str, own: str, count: int, money: Sequence[str], numbers: Sequence[OfNumber]
) -> str:
    """What was sent; ``money`` is its cost and the new balance, as they are asked."""
    names = ("cost", "balance")[: len(money)]
    match fmt:
        case "1":
            return "\n".join([",".join([own, str(count), *money]), *_rows(numbers)])
        case "2":
            parts = [f"<id>{escape(own)}</id>", f"<cnt>{count}</cnt>"]
            parts += [
                f"<{name}>{value}</{name}>"
                for name, value in zip(names, money, strict=True)
            ]
            if numbers:
                parts.append(f"<phones>\n{''.join(map(_element, numbers))}</phones>")
            return "<result>\n{}\n</result>".format("\n".join(parts))
        case "3":
            more = {"phones": [_object(each) for each in numbers]} if numbers else {}
            sums = dict(zip(names, money, strict=True))
            return json.dumps({"id": _id(own), "cnt": count, **sums, **more})
        case _:
            told = "".join(
                f", {name.upper()} - {value}"
                for name, value in zip(names, money, strict=True)
            )
            first = f"OK - {count} SMS, ID - {own}{told}"
            return "\n".join([first, *_rows(numbers)])


def price(fmt: str, cost: str, count: int) -> str:
    """What it would cost."""
    match fmt:
        case "1":
            return f"{cost},{count}"
        case "2":
            return f"<result>\n<cost>{cost}</cost>\n<cnt>{count}</cnt>\n</result>"
        case "3":
            return json.dumps({"cost": cost, "cnt": count})
        case _:
            return f"{cost} ({count} SMS)"


def balance(fmt: str, amount: str, currency: str) -> str:
    """What the account has; ``currency`` is empty unless it was asked for."""
    match fmt:
        case "2":
            return f"<balance>{amount}</balance>"
        case "3":
            more = {"currency": currency} if currency else {}
            return json.dumps({"balance": amount, **more})
        case _:
            return f"{amount} {currency}".strip()


def status(fmt: str, rows: Sequence[Mapping[str, str | int]], *, several: bool) -> str:
    """The states of messages; of one as an object, of several as a list."""
    if fmt == "3":
        return json.dumps(list(rows) if several else rows[0], ensure_ascii=False)
    if fmt == "2":
        found = [
            "<sms>{}</sms>".format(
                "".join(
                    f"<{key}>{escape(str(value))}</{key}>" for key, value in row.items()
                )
            )
            for row in rows
        ]
        return f"<list>{''.join(found)}</list>" if several else found[0]
    if fmt == "1":
        keys = ("status", "last_timestamp", "err")
        return "\n".join(",".join(str(row[key]) for key in keys) for row in rows)
    return "\n".join(
        "Status = {status}, check_time = {last_date}, err = {err}".format(**row)
        for row in rows
    )


def incoming(fmt: str, rows: Sequence[Mapping[str, str | int]]) -> str:
    """Messages, from subscribers or to them."""
    if fmt == "3":
        return json.dumps(list(rows), ensure_ascii=False)
    return "\n".join(
        ", ".join(f"{key} = {value}" for key, value in row.items()) for row in rows
    )


def _id(own: str) -> int | str:
    """An id in JSON: a number if it is one."""
    return int(own) if own.isdecimal() else own


def _rows(numbers: Sequence[OfNumber]) -> list[str]:
    return [
        f"{each.phone},{each.mccmnc},{each.cost},{each.status},{each.error or ''}"
        for each in numbers
    ]


def _element(each: OfNumber) -> str:
    return (
        f"<phone mccmnc={quoteattr(each.mccmnc)} cost={quoteattr(each.cost)} "
        f'status="{each.status}" error="{each.error or ""}">{each.phone}</phone>\n'
    )


def _object(each: OfNumber) -> dict[str, str]:
    found = {
        "phone": each.phone,
        "mccmnc": each.mccmnc,
        "cost": each.cost,
        "status": str(each.status),
    }
    return {**found, "error": str(each.error)} if each.error else found
