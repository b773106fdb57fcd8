"""The stand-in for smsc: its scripts, guards and messages."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hmac import compare_digest
from typing import ClassVar, Final

from aiohttp import web

from esmed.simulator.bridge.frame import Inbound
from esmed.simulator.bridge.http import HttpSimulator
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcome, Step
from esmed.simulator.bridge.pushes import Push
from esmed.simulator.bridge.register import Message
from esmed.simulator.providers.smsc import answers, callbacks
from esmed.simulator.providers.smsc.answers import OfNumber
from esmed.simulator.providers.smsc.parameters import (
    CHANNELS,
    CHARSETS,
    Letter,
    Refused,
    check,
    letters,
    read,
    starts,
)
from pdu import segment

WORDS: Final = {
    1: "parameters error",
    2: "authorise error",
    3: "no money",
    4: "IP is blocked",
    5: "invalid date format",
    6: "message is denied",
    7: "invalid number",
    8: "message to this number can not be delivered",
    9: "duplicate request, wait a minute",
}
CROWDED: Final = "too many concurrent requests"
_BAD_NUMBERS: Final = {"6": (23, 253), "7": (22, 249), "8": (25, 248)}
"""The status and error of a number among others, by the error it would be alone."""
_SAME: Final = ("phones", "mes", "list", "sender", "bin", "hlr", "ping")
"""What makes a request the same as another one: not its id, nor when it is to go."""
_WAITING: Final = Step("-1")
_TYPES: Final = {
    "push": 3,
    "hlr": 4,
    "ping": 5,
    "mms": 6,
    "call": 7,
    "mail": 8,
    "viber": 10,
    "soc": 12,
}
_MINUTE: Final = 60.0
_MOST_PRICES: Final = 5
_MOST_ASKS: Final = 5
_MOST_BALANCES: Final = 10
_ZONE: Final = timezone(timedelta(hours=3))


class Simulator(HttpSimulator):
    """A step is a status, with its error behind a colon: ``20:1``."""

    usual = "0,1"
    rules = (
        *("01=0,20:1", "02=0,3", "03=24", "04=-1,0:6,1", "05=refuse:7", "06=none"),
        *("07=0,25:11", "08=23:253", "09=0,1,2", "10=refuse:8", "11=0,99"),
        *("12=0,1,4", "13=refuse:6", "14=22:249", "15=-2,-1,0,1"),
    )
    defaults: ClassVar[Mapping[str, str]] = {
        "balance": "100.50",
        "concurrent": "15",
        "currency": "UAH",
        "guards": "yes",
        "lag": "0",
        "list_errors": "number",
        "price": "0",
        "word": "",
    }

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._balance = Decimal(self.settings["balance"])
        self._price = Decimal(self.settings["price"])
        self._lag = float(self.settings["lag"])
        self._open = 0
        self._seen: dict[object, deque[float]] = {}
        self._scripts: dict[str, Callable[[Mapping[str, str]], str]] = {
            "send": self._send,
            "cost": self._cost,
            "status": self._status,
            "delete": self._delete,
            "balance": self._left,
            "incoming": self._incoming,
            "history": self._history,
        }

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.post("/rest/send/", self._serve),
            *(
                web.route(method, f"/sys/{script}.php", self._serve)
                for script in ("send", "status", "balance", "get")
                for method in ("GET", "POST")
            ),
        ]

    async def operation(self, request: web.Request) -> str:
        given = await read(request)
        match request.path.strip("/").split("/")[-1].removesuffix(".php"):
            case "send":
                return "cost" if given.get("cost") == "1" else "send"
            case "status":
                return "delete" if given.get("del") == "1" else "status"
            case "get":
                return "incoming" if "get_answers" in given else "history"
            case other:
                return other

    async def refusal(self, request: web.Request, code: str) -> web.Response:
        number = int(code) if code.isdecimal() else 1
        return self._refused(await _given(request), number, WORDS.get(number, code))

    def status_push(self, message: Message, step: Step) -> Push | None:
        url = self.callback_url
        if url is None or step.word == "-1":
            return None
        fields = {
            "id": message.id,
            "phone": message.to,
            "status": step.word,
            "err": step.err or "0",
            "type": message.fields.get("type", "0"),
            "flag": "0",
            "ts": str(int(self.changed(message))),
        }
        return callbacks.callback(url, self.settings["word"], fields)

    def mo_push(self, inbound: Inbound) -> Push | None:
        url = self.mo_url
        if url is None:
            return None
        mo = inbound.mo
        fields = {"phone": mo.from_, "mes": mo.text, "to": mo.to}
        fields["time"] = str(int(inbound.at))
        return callbacks.callback(url, self.settings["word"], fields)

    async def _serve(self, request: web.Request) -> web.Response:
        given = await _given(request)
        self._open += 1
        try:
            self._admit(given)
            serve = self._scripts[await self.operation(request)]
            return _answer(given, serve(given))
        except Refused as refused:
            return self._refused(given, refused.code, refused.text)
        finally:
            self._open -= 1

    def _admit(self, given: Mapping[str, str]) -> None:
        if self._open >= int(self.settings["concurrent"]):
            raise Refused(9, CROWDED)
        key = self.options.api_key
        if "apikey" in given:
            known = key is None or compare_digest(
                key.encode(), given["apikey"].encode()
            )
        else:
            login, password = given.get("login", ""), given.get("psw", "")
            known = bool(login and password) and self.knows(login, password)
        if not known:
            raise Refused(2, WORDS[2])

    # --- send.php

    def _send(self, given: Mapping[str, str]) -> str:
        check(given)
        start = starts(given, time.time())
        wanted = letters(given)
        self._guard(("send", *map(given.get, _SAME)), 1)
        own = given.get("id") or str(self.new_id() % 2**31)
        outcomes = [self._outcome(each) for each in wanted]
        count = sum(_parts(each, given) for each in wanted)
        if self._price * count > self._balance:
            raise Refused(3, WORDS[3])
        refusals = [each.refusal for each in outcomes if each.refusal]
        if len(refusals) == len(wanted) or (
            refusals and self.settings["list_errors"] == "request"
        ):
            code = int(refusals[0])
            raise Refused(code, WORDS.get(code, "unknown"))
        numbers = []
        for letter, outcome in zip(wanted, outcomes, strict=True):
            status, error = -1, 0
            cost = self._price * _parts(letter, given)
            if outcome.refusal:
                status, error = _BAD_NUMBERS.get(outcome.refusal, (20, 255))
            else:
                self._balance -= cost
                self._take(own, letter, outcome, given, start)
            numbers.append(
                OfNumber(phone=letter.to, cost=str(cost), status=status, error=error)
            )
        total = str(self._price * count)
        money = [total, str(self._balance)][: max(int(given.get("cost", 0)) - 1, 0)]
        told = numbers if given.get("op") == "1" else []
        return answers.taken(given.get("fmt", "0"), own, count, money, told)

    def _cost(self, given: Mapping[str, str]) -> str:
        check(given)
        wanted = letters(given)
        self._guard(("cost", *map(given.get, _SAME)), _MOST_PRICES)
        count = sum(_parts(each, given) for each in wanted)
        return answers.price(given.get("fmt", "0"), str(self._price * count), count)

    def _outcome(self, letter: Letter) -> Outcome:
        if not 10 <= len(letter.to) <= 15:
            return Outcome(refusal="7")
        return self.outcome(letter.to)

    def _take(
        self,
        own: str,
        letter: Letter,
        outcome: Outcome,
        given: Mapping[str, str],
        start: float | None,
    ) -> None:
        binary = given.get("bin") == "2"
        names = ("flash", "valid", "translit", "tinyurl", "time", "period", "freq")
        fields = {name: given[name] for name in names if name in given}
        channel = next((name for name in CHANNELS if given.get(name) == "1"), "")
        fields["type"] = str(_TYPES.get(channel, 2 if binary else 0))
        self.take(
            message_id=own,
            to=letter.to,
            outcome=outcome,
            from_=letter.sender,
            text=None if binary else letter.text,
            data=letter.text if binary else None,
            parts=_parts(letter, given),
            reference=given.get("id", ""),
            fields=fields,
            start_at=start,
        )

    # --- the other scripts

    def _status(self, given: Mapping[str, str]) -> str:
        phones, ids = given.get("phone", ""), given.get("id", "")
        several = "," in ids
        pairs = [
            (own, phone.lstrip("+"))
            for own, phone in zip(ids.split(","), phones.split(","), strict=False)
            if own
        ]
        if not pairs or len(ids.split(",")) != len(phones.split(",")):
            raise Refused(1, WORDS[1])
        if several:
            self._guard(("statuses",), 1)
        else:
            self._guard(("status", *pairs), _MOST_ASKS)
        rows = [self._state(own, phone, given, several=several) for own, phone in pairs]
        return answers.status(given.get("fmt", "0"), rows, several=several)

    def _delete(self, given: Mapping[str, str]) -> str:
        message = self.register.find(given.get("id", ""), given.get("phone", ""))
        reached = self.state(message) if message is not None else None
        if message is None or (reached is not None and reached != _WAITING):
            raise Refused(5, "message can not be deleted")
        self.cancel(message, _WAITING)
        return '{"result": "OK"}' if given.get("fmt") == "3" else "OK"

    def _left(self, given: Mapping[str, str]) -> str:
        self._guard(("balance",), _MOST_BALANCES)
        currency = self.settings["currency"] if given.get("cur") == "1" else ""
        return answers.balance(given.get("fmt", "0"), str(self._balance), currency)

    def _incoming(self, given: Mapping[str, str]) -> str:
        check(given)
        since = time.time() - 3600 * float(given.get("hour", 168))
        after = int(given.get("after_id", 0))
        to = given.get("to_phone", "").lstrip("+")
        rows: list[dict[str, str | int]] = [
            {
                "id": each.id,
                "received": _date(each.at),
                "phone": each.mo.from_,
                "message": each.mo.text,
                "to_phone": each.mo.to,
                "sent": _date(each.at),
            }
            for each in self.inbound
            if each.at >= since and each.id > after and to in {"", each.mo.to}
        ]
        most = int(given.get("cnt", 100))
        return answers.incoming(given.get("fmt", "0"), rows[:most])

    def _history(self, given: Mapping[str, str]) -> str:
        check(given)
        phones = set(filter(None, given.get("phone", "").split(",")))
        rows: list[dict[str, str | int]] = [
            {
                **self._state(each.id, each.to, {"all": "1"}, several=True),
                "int_id": each.number,
            }
            for each in reversed(self.register.messages())
            if not phones or each.to in phones
        ]
        most = int(given.get("cnt", 100))
        return answers.incoming(given.get("fmt", "0"), rows[:most])

    def _state(
        self, own: str, phone: str, given: Mapping[str, str], *, several: bool
    ) -> dict[str, str | int]:
        message = self.register.find(own, phone)
        if message is not None and time.time() - message.at < self._lag:
            message = None
        step = _WAITING if message is None else self.state(message) or _WAITING
        since = time.time() if message is None else self.changed(message)
        found: dict[str, str | int] = {
            "status": int(step.word) if message is not None else -3,
            "last_date": _date(since),
            "last_timestamp": int(since),
            "flag": 0,
            "err": int(step.err or 0),
        }
        if several or given.get("all", "0") != "0":
            found |= {"id": own, "phone": phone}
        if message is not None and given.get("all", "0") != "0":
            found |= {
                "send_date": _date(message.at),
                "send_timestamp": int(message.at),
                "sender_id": message.from_,
                "message": message.text or message.data or "",
                "sms_cnt": message.parts,
            }
        return found

    # --- guards

    def _guard(self, request: tuple[object, ...], most: int) -> None:
        """Not the same more often than that within a minute."""
        if self.settings["guards"] != "yes":
            return
        now = self.agenda.now()
        for key in [key for key, at in self._seen.items() if now - at[-1] > _MINUTE]:
            del self._seen[key]
        times = self._seen.setdefault(request, deque())
        while times and now - times[0] > _MINUTE:
            times.popleft()
        if len(times) >= most:
            raise Refused(9, WORDS[9])
        times.append(now)

    def _refused(self, given: Mapping[str, str], code: int, text: str) -> web.Response:
        own = given.get("id") or str(self.new_id() % 2**31)
        return _answer(given, answers.refused(given.get("fmt", "0"), code, text, own))


async def _given(request: web.Request) -> dict[str, str]:
    """The parameters; over REST the answer is JSON in UTF-8 unless they say so."""
    given = await read(request)
    if request.path.startswith("/rest/"):
        return {"fmt": "3", "charset": "utf-8", **given}
    return given


def _answer(given: Mapping[str, str], text: str) -> web.Response:
    charset = CHARSETS.get(given.get("charset", "").lower(), "cp1251")
    return answers.written(given, charset, text)


def _parts(letter: Letter, given: Mapping[str, str]) -> int:
    if given.get("bin", "0") != "0" or not letter.text:
        return 1
    parts = len(segment.split(letter.text).parts)
    return min(parts, int(given.get("maxsms", parts)))


def _date(at: float) -> str:
    return (
        datetime.fromtimestamp(at, UTC).astimezone(_ZONE).strftime("%d.%m.%Y %H:%M:%S")
    )
