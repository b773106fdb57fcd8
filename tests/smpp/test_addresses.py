"""esmed.smpp.addresses: numbers and names as one SMSC writes them."""

from typing import Any

import pytest

from esmed.fieldtypes import Endpoint
from esmed.models import Fault
from esmed.secret import Secret
from esmed.smpp import addresses
from esmed.smpp.addresses import Addresses
from esmed.smpp.config import Config, Host
from esmed.smpp.quirks import Numbering, Sources


def written(**settings: Any) -> Addresses:
    return Addresses(
        Config(
            hosts=(Host(address=Endpoint("smsc.example", 2775)),),
            system_id="me",
            password=Secret("secret"),
            **settings,
        )
    )


def test_senders_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(addresses, "_SOURCES_KEPT", 3)
    made = written()
    for number in range(10):
        made.source(f"s{number}")
    assert len(made._sources) <= 3


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("Shop", (5, 8, "Shop")),
        ("12345", (6, 9, "12345")),
        ("380501234567", (1, 1, "380501234567")),
    ],
)
def test_the_numbering_of_each_kind_of_sender(sender, address):
    alphanumeric, short = Numbering(ton=5, npi=8), Numbering(ton=6, npi=9)
    made = written(source=Sources(alphanumeric=alphanumeric, short=short))
    assert made.source(sender) == address


@pytest.mark.parametrize(
    ("form", "sender", "address"),
    [
        ("plus", "380501234567", "+380501234567"),
        ("plus", "+380501234567", "+380501234567"),
        ("zeros", "380501234567", "00380501234567"),
        ("plain", "+380501234567", "380501234567"),
        ("plus", "12345", "12345"),
        ("zeros", "Shop", "Shop"),
    ],
)
def test_source_format(form, sender, address):
    assert written(source_format=form).source(sender)[2] == address  # type: ignore[index]


@pytest.mark.parametrize(
    ("form", "number", "address"),
    [
        ("plain", "380501234567", "380501234567"),
        ("plus", "380501234567", "+380501234567"),
        ("zeros", "380501234567", "00380501234567"),
        ("plus", "123456", "123456"),
        ("plus", "1" * 19, "+" + "1" * 19),
    ],
)
def test_destination_format(form, number, address):
    assert written(destination_format=form).destination(number) == address


@pytest.mark.parametrize(("form", "digits"), [("plus", 20), ("zeros", 19)])
def test_no_room_for_what_stands_before_a_number(form, digits):
    for found in (
        written(destination_format=form).destination("1" * digits),
        written(source_format=form).source("1" * digits),
    ):
        assert isinstance(found, Fault)


@pytest.mark.parametrize(
    ("alphabet", "sender", "octets"),
    [
        ("latin1", "Käse@_", "Käse@_"),
        ("ascii", "Shop@_", "Shop@_"),
        # Of 3GPP TS 23.038 §6.2.1: "ä" is 0x7B, "_" 0x11, "$" 0x02.
        ("gsm0338", "Käse_$", "K{se\x11\x02"),
    ],
)
def test_sender_alphabet(alphabet, sender, octets):
    assert written(sender_alphabet=alphabet).source(sender) == (5, 0, octets)


@pytest.mark.parametrize(
    ("alphabet", "sender"), [("ascii", "Käse"), ("gsm0338", "a@b")]
)
def test_senders_that_sender_alphabet_lacks(alphabet, sender):
    """In the GSM alphabet "@" is 0x00, which ends the address."""
    found = written(sender_alphabet=alphabet).source(sender)
    assert isinstance(found, Fault)
    assert found.code == "from"


@pytest.mark.parametrize(
    ("settings", "address", "shown"),
    [
        ({}, "380501234567", "380501234567"),
        ({}, "+380501234567", "380501234567"),
        ({}, "00380501234567", "380501234567"),
        ({}, "0501234567", "0501234567"),
        ({}, "12345", "12345"),
        ({}, "+12345", "+12345"),
        ({}, "Shop", "Shop"),
        ({}, "", ""),
        ({"mo_prefixes": {}}, "+380501234567", "+380501234567"),
        (
            {"mo_prefixes": {"0": "380", "00": "", "+": ""}},
            "0501234567",
            "380501234567",
        ),
        (
            {"mo_prefixes": {"0": "380", "00": "", "+": ""}},
            "00380501234567",
            "380501234567",
        ),
        ({"mo_prefixes": {"8": "7"}}, "89031234567", "79031234567"),
    ],
)
def test_mo_prefixes(settings, address, shown):
    assert written(**settings).originator(address) == shown
