"""Profiles: each loads, is shown whole, and is what it is said to be."""

from datetime import timedelta, timezone
from pathlib import Path

import pytest

from esmed.config import loads, render
from esmed.errors import ConfigError
from esmed.models import Plan, ReceiptIn, Request
from esmed.secret import Surroundings
from esmed.smpp import profiles
from esmed.smpp.config import Backoff, Config
from esmed.smpp.encoding import Encoder
from esmed.smpp.profiles import PROFILES, latest
from esmed.smpp.quirks import Numbering, PriorityFlags, Sources
from esmed.smpp.receipts import Interpreter
from pdu import DeliverSm, SubmitSm

HERE = Surroundings(environ={}, directory=Path("/srv/esmed"))
NOW = 1_767_225_600_000
DAY = 86_400_000


def text(lines: str) -> str:
    indented = "".join(f"    {line}\n" for line in lines.split("\n"))
    return f"""
connectors:
  carrier:
    kind: smpp
    hosts: [{{address: "smsc.example.net:2775"}}]
    system_id: me
    password: secret
{indented}
routes: [{{via: [carrier]}}]
"""


def read(lines: str) -> Config:
    config = loads(text(lines), HERE)
    found = config.connectors["carrier"]
    assert isinstance(found, Config)
    return found


def sent(config: Config, words: str) -> list[SubmitSm]:
    writer = Encoder("carrier", config)
    message = Request(to="78003336655", from_="Shop", text=words, validity=3600)
    plan = writer.plan(message, 7)
    assert isinstance(plan, Plan)
    found = []
    for part in range(1, len(plan.parts) + 1):
        pdu = writer.submit_sm(message, plan, part, NOW + DAY, NOW)
        assert isinstance(pdu, SubmitSm)
        found.append(pdu)
    return found


def refused(lines: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(lines)
    return {fault.path: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize("name", PROFILES)
def test_each_loads_and_is_shown_as_what_it_makes(name):
    config = loads(text(f"profile: {name}"), HERE)
    shown = render(config)
    assert f"profile: {name}" in shown
    again = loads(shown.replace("password: (redacted)", "password: secret"), HERE)
    assert again.connectors["carrier"] == config.connectors["carrier"]


@pytest.mark.parametrize("name", PROFILES)
def test_each_key_of_each_is_heeded(name):
    """None is overridden by another, and none is a default left as it was twice."""
    whole = read(f"profile: {name}")
    for key in PROFILES[name]:
        assert isinstance(key, str)
        assert hasattr(whole, key)


def test_the_bare_name_is_the_latest_version(monkeypatch):
    versions: dict[str, dict[str, object]] = {
        "a@1": {},
        "a@2": {},
        "a@10": {},
        "ab@11": {},
    }
    monkeypatch.setattr(profiles, "PROFILES", versions)
    assert latest("a") == "a@10"
    assert latest("a@2") == "a@2"
    assert latest("a@3") is None
    assert latest("b") is None


def test_what_the_file_says_goes_before_the_profile():
    found = read("profile: smstraffic\nrate: 5/s\nextension: true\nsource: auto")
    assert (found.profile, found.rate, found.extension) == ("smstraffic@1", 5, True)
    assert found.source == "auto"
    assert found.id_form == "same"


def test_sections_are_merged_key_by_key(monkeypatch):
    patient = {"reconnect": {"min": "45s", "max": "2m"}}
    monkeypatch.setattr(profiles, "PROFILES", {"patient@1": patient})
    found = read("profile: patient\nreconnect: {max: 5m}")
    assert found.reconnect == Backoff(min=45, max=300)


@pytest.mark.parametrize("value", ["nobody", "smstraffic@9", "5", "[smstraffic]"])
def test_one_that_nobody_knows(value):
    (complaint,) = refused(f"profile: {value}").values()
    assert complaint.startswith("expected one of smstraffic@1, vibes@1, vonage@1")


# --- smstraffic: its technical description 2.3, chapter SMPP -------------------------

SMSTRAFFIC = read("profile: smstraffic@1")


def test_smstraffic_is_what_its_description_says():
    found = SMSTRAFFIC
    assert (found.rate, found.enquire_link, found.id_form) == (20, 30, "same")
    assert (found.bind, found.sessions) == ("transceiver", 1)
    # Of further binds it takes transmitters only.
    assert found.further_sessions == "transmitter"
    assert (found.concatenation, found.submit_with) == ("udh8", "submit_sm")
    assert (found.gsm7_data_coding, found.ucs2_data_coding) == (0, 8)
    assert (found.alphabet, found.extension) == ("gsm0338", False)
    assert (found.service_type, found.tlvs) == ("", ())
    assert found.priority_flag == PriorityFlags(high=0, normal=0, bulk=0)
    assert found.validity_format == "relative"
    assert found.timezone == timezone(timedelta(hours=3))
    numeric = Numbering(ton=1, npi=1)
    assert found.source == Sources(
        alphanumeric=Numbering(ton=5, npi=0), international=numeric, short=numeric
    )
    assert "no money" in found.bind_errors[0x0D]
    assert "wrong system_id" in found.bind_errors[0x0E]
    assert 0x05 in found.bind_errors


@pytest.mark.parametrize(
    "words", ["hello", "x" * 500, "Привіт" * 50, "price: 5 €", "[a]" * 60]
)
def test_smstraffic_gets_no_optional_parameter_and_none_of_the_extension_table(words):
    for pdu in sent(SMSTRAFFIC, words):
        assert pdu.tlvs == ()
        assert pdu.data_coding in {0, 8}
        assert b"\x1b" not in pdu.short_message or pdu.data_coding == 8
        assert (pdu.service_type, pdu.priority_flag) == ("", 0)
        assert (pdu.schedule_delivery_time, pdu.replace_if_present_flag) == ("", 0)
        assert pdu.sm_default_msg_id == 0
        assert pdu.esm_class in {0, 0x40}
    assert {p.data_coding for p in sent(SMSTRAFFIC, "5 €")} == {8}


def test_smstraffic_explains_its_errors():
    pdu = DeliverSm(
        esm_class=4,
        source_addr="78003336655",
        short_message=b"id:10463790291234567890 sub:001 dlvrd:000 "
        b"submit date:2512061230 done date:2512061231 stat:UNDELIV err:000",
        tlvs=((0x0427, b"\x05"), (0x0423, bytes.fromhex("080001"))),
    )
    found = Interpreter("carrier", SMSTRAFFIC).read(pdu, "a:1", "s", NOW)
    assert isinstance(found, ReceiptIn)
    assert (found.err, found.keys) == ("001", ("10463790291234567890",))
    assert found.reason == "subscriber absent or out of coverage"
    assert found.done_at == 1_765_013_460_000  # 2025-12-06 12:31 +03:00
    assert len(SMSTRAFFIC.receipt_errors) == 17


# --- vonage, vibes: what they publish ------------------------------------------------


def test_vonage():
    found = read("profile: vonage@1")
    assert (found.id_form, found.rate) == ("hex_in_response", 30)


def test_vibes():
    found = read("profile: vibes@1")
    none = Numbering(ton=0, npi=0)
    assert (found.source, found.destination) == (none, none)
    assert (found.gsm7_data_coding, found.alphabet) == (4, "gsm0338")
    assert found.mo_data_coding == {0: "latin1"}
    assert (found.enquire_link, found.enquire_link_timeout) == (30, 10)
    assert (found.concatenation, found.max_parts) == ("payload", 5)
    (pdu,) = sent(found, "x" * 765)
    assert (pdu.validity_period, pdu.data_coding) == ("", 4)
    assert pdu.tlvs == ((0x0424, b"x" * 765),)
    assert (pdu.source_addr_ton, pdu.dest_addr_ton) == (0, 0)
