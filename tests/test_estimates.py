from typing import Any

from msgspec import to_builtins

from esmed import estimates
from esmed.models import Plan, Request


def estimated(
    planned: str, parts: int = 1, concatenation: str = "udh8", **request: Any
) -> Any:
    plan = Plan(
        connector="carrier",
        encoding=planned,
        data_coding=0,
        udhi=False,
        parts=(b"",) * parts,
        concatenation=concatenation,
    )
    return to_builtins(estimates.estimate(Request(to="380", **request), plan))


def test_gsm7() -> None:
    assert estimated("gsm7", text="12 €") == {
        "encoding": "gsm7",
        "parts": 1,
        "units": 5,
        "units_per_part": 160,
        "forcing_characters": [],
    }


def test_several_parts() -> None:
    shown = estimated("gsm7", 2, text="a" * 161)
    assert (shown["units"], shown["units_per_part"]) == (161, 153)
    wide = estimated("gsm7", 2, "udh16", text="a" * 161)
    assert wide["units_per_part"] == 152


def test_ucs2_and_why() -> None:
    shown = estimated("ucs2", text="Hi 🎂, Оля, О")
    assert shown["forcing_characters"] == ["🎂", "О", "л", "я"]
    assert (shown["units"], shown["units_per_part"]) == (13, 70)


def test_ucs2_for_an_smsc_without_extension_table() -> None:
    assert estimated("ucs2", text="1€[")["forcing_characters"] == ["€", "["]


def test_ucs2_asked_for_is_not_forced() -> None:
    shown = estimated("ucs2", text="Оля", encoding="ucs2")
    assert shown["forcing_characters"] == []


def test_the_connectors_own_alphabet() -> None:
    shown = estimated("gsm7", text="ê")
    assert (shown["units"], shown["units_per_part"]) == (1, 140)


def test_the_smsc_splits_a_payload() -> None:
    assert estimated("gsm7", 1, "payload", text="a" * 161)["parts"] == 2


def test_binary() -> None:
    shown = estimated("binary", data=b"123", udh=b"\x01\x00")
    assert (shown["units"], shown["units_per_part"]) == (3, 138)
    assert estimated("binary", data=b"12")["units_per_part"] == 140
