"""`kind: smpp`: defaults of the contract, limits, and what this version refuses."""

from datetime import UTC
from pathlib import Path

import pytest
import yaml

from esmed.config import loads
from esmed.connectorconfig import Retry
from esmed.errors import ConfigError
from esmed.fieldtypes import Endpoint
from esmed.secret import Secret, Surroundings
from esmed.settings import render
from esmed.smpp.config import Backoff, Config, Host
from esmed.smpp.quirks import (
    Numbering,
    PriorityFlags,
    RegisteredDelivery,
    Sources,
    Tlv,
)
from esmed.tlsconfig import Tls

HERE = Surroundings(environ={}, directory=Path("/srv/esmed"))
A_STATUS = "expected a command_status such as ESME_RTHROTTLED or 0x455, got"
ACTIONS = "throttle, queue_full, temporary, message, account, protocol"
HOSTS = '[{address: "smsc.example.net:2775"}]'


def document(lines: str, hosts: str, login: str, head: str) -> str:
    indented = "".join(
        f"    {line}\n" for line in [f"hosts: {hosts}", *lines.split("\n")]
    )
    return f"""{head}
connectors:
  carrier:
    kind: smpp
    {login}
{indented}
routes: [{{via: [carrier]}}]
"""


def read(
    lines: str = "",
    *,
    hosts: str = HOSTS,
    login: str = "{system_id: me, password: hunter2}",
    head: str = "",
) -> tuple[Config, dict[str, str]]:
    """The connector and its warnings, by key."""
    login = login.strip("{}").replace(", ", "\n    ")
    config = loads(document(lines, hosts, login, head), HERE)
    found = config.connectors["carrier"]
    assert isinstance(found, Config)
    prefix = "connectors.carrier."
    return found, {w.path.removeprefix(prefix): w.message for w in config.warnings}


def faults(lines: str = "", *, hosts: str = HOSTS, login: str = "") -> dict[str, str]:
    login = login or "{system_id: me, password: hunter2}"
    with pytest.raises(ConfigError) as caught:
        read(lines, hosts=hosts, login=login)
    prefix = "connectors.carrier."
    return {f.path.removeprefix(prefix): f.message for f in caught.value.faults}


def test_defaults() -> None:
    assert read() == (
        Config(
            kind="smpp",
            hosts=(Host(address=Endpoint("smsc.example.net", 2775), tls=None),),
            system_id="me",
            password=Secret("hunter2"),
            standby="hot",
            failback_after=60,
            bind="transceiver",
            sessions=1,
            system_type="",
            interface_version=0x34,
            profile=None,
            deliver_response_timeout=None,
            deliver_response_error=0x64,
            deliver_response_id="empty",
            bind_errors={},
            receipt_states={},
            receipt_errors={},
            receipt_pattern=None,
            mo_data_coding={},
            bind_ton=0,
            bind_npi=0,
            address_range="",
            window=10,
            rate=None,
            enquire_link=30,
            enquire_link_timeout=10,
            connect_timeout=10,
            bind_timeout=10,
            response_timeout=30,
            reconnect=Backoff(min=1, max=60),
            on_unknown="resend",
            hold_timeout=86_400,
            default_from=None,
            source="auto",
            source_format="plain",
            sender_alphabet="latin1",
            destination="auto",
            destination_format="plain",
            mo_prefixes={"+": "", "00": ""},
            gsm7_data_coding=0,
            ucs2_data_coding=8,
            alphabet="gsm0338",
            extension=True,
            concatenation="udh8",
            max_parts=255,
            short_message_max=254,
            submit_with="submit_sm",
            service_type="",
            esm_class=0,
            protocol_id=0,
            priority_flag=PriorityFlags(high=0, normal=0, bulk=0),
            tlvs=(),
            schedule_format="none",
            validity_format="relative",
            validity_max=None,
            timezone=UTC,
            registered_delivery=RegisteredDelivery(final=1, all=0x11, none=0),
            receipts="all",
            receipt_timeout=72 * 3600,
            id_form="auto",
            reassembly_timeout=900,
            unmatched_ttl=86_400,
            retry=Retry(attempts=10, min=5, max=600),
        ),
        {},
    )


def test_values() -> None:
    found, _ = read(
        "source: {ton: 5, npi: 0}\ndestination: auto\nrate: 20/s\nbind: transmitter\n"
        "interface_version: 0x33\nalphabet: latin1\ndefault_from: MyCompany\n"
        "reconnect: {max: 5m}\non_unknown: hold",
        hosts='[{address: "a:1", tls: false}, {address: "[2001:db8::1]:2", tls: true}]',
    )
    assert found.hosts == (
        Host(address=Endpoint("a", 1), tls=None),
        Host(address=Endpoint("2001:db8::1", 2), tls=Tls()),
    )
    assert list(map(str, found.addresses)) == ["a:1", "[2001:db8::1]:2"]
    assert (found.source, found.destination) == (Numbering(ton=5, npi=0), "auto")
    assert (found.rate, found.bind, found.interface_version) == (20, "transmitter", 51)
    assert (found.alphabet, found.default_from) == ("latin1", "MyCompany")
    assert (found.reconnect, found.on_unknown) == (Backoff(min=1, max=300), "hold")


@pytest.mark.parametrize(
    ("lines", "path", "complaint"),
    [
        ("window: 0", "window", "expected an integer from 1 to 10000, got 0"),
        ("window: 10001", "window", "expected an integer from 1 to 10000, got 10001"),
        ("bind: receiver\nfurther_sessions: transmitter", "further_sessions",
         "a connector that only receives has no transmitters"),
        ("reconnect: {min: 2m}", "reconnect.min", "is longer than max"),
        ("retry: {min: 20m}", "retry.min", "is longer than max"),
        ("bind_ton: 256", "bind_ton", "expected an integer from 0 to 255, got 256"),
        ("source: {ton: 5}", "source.npi", "is needed"),
        ("extension: 1", "extension", "expected true or false, got 1"),
        ("default_from: ''", "default_from", "expected 1 to 20 characters, got 0"),
        ("receipts: some", "receipts",
         'expected one of all, last, first, none, got "some"'),
        ("address_range: " + 41 * "x", "address_range",
         "expected at most 40 characters, got 41"),
        ("system_type: más", "system_type",
         'expected printable ASCII only, got "más"'),
        ("service_type: STANDARD", "service_type",
         "expected at most 5 characters, got 8"),
        ("short_message_max: 139", "short_message_max",
         "expected an integer from 140 to 254, got 139"),
        ("timezone: Kyiv", "timezone",
         "expected UTC, an offset such as +03:00 or a zone's name, got \"Kyiv\""),
        ("national: [tr, es, tr]", "national[2]", "tr is in the list already"),
        ("national: tr\nalphabet: latin1", "national",
         "there are no national tables in the alphabet latin1"),
        ("priority_flag: {high: 256}", "priority_flag.high",
         "expected an integer from 0 to 255, got 256"),
        ("adaptive: 1", "adaptive", "expected true or false, got 1"),
        ("statuses: throttle", "statuses", 'expected a mapping, got "throttle"'),
        ("statuses: {ESME_RTHROTTLE: temporary}", "statuses.ESME_RTHROTTLE",
         f'{A_STATUS} "ESME_RTHROTTLE"'),
        ("statuses: {0x1FFFFFFFF: temporary}", "statuses.8589934591",
         f"{A_STATUS} 8589934591"),
        ("statuses: {-1: temporary}", "statuses.-1",
         f"{A_STATUS} -1"),
        ("statuses: {true: temporary}", "statuses.True",
         f"{A_STATUS} true"),
        ("statuses: {ESME_ROK: message}", "statuses.ESME_ROK",
         "ESME_ROK is no refusal"),
        ("statuses: {0x455: pause}", "statuses.1109",
         f'expected one of {ACTIONS}, got "pause"'),
        ("statuses: {88: message, RTHROTTLED: throttle}", "statuses.RTHROTTLED",
         "is in the mapping already"),
        ("windw: 5", "windw", 'unknown key; did you mean "window"?'),
    ],
)  # fmt: skip
def test_faults(lines: str, path: str, complaint: str) -> None:
    assert faults(lines) == {path: complaint}


def test_statuses() -> None:
    found, warnings = read(
        "statuses:\n"
        "  ESME_RMSGQFUL: throttle\n"
        "  rsyserr: queue_full\n"
        "  0x455: message\n"
        "  '0x456': account\n"
        "  1111: protocol\n"
        "  '1112': temporary"
    )
    assert found.statuses == {
        0x14: "throttle",
        0x08: "queue_full",
        0x455: "message",
        0x456: "account",
        1111: "protocol",
        1112: "temporary",
    }
    assert warnings == {}
    shown = yaml.safe_load(render(found))["statuses"]
    assert shown == {
        "ESME_RMSGQFUL": "throttle",
        "ESME_RSYSERR": "queue_full",
        "0x00000455": "message",
        "0x00000456": "account",
        "0x00000457": "protocol",
        "0x00000458": "temporary",
    }
    assert read(f"statuses: {shown}")[0] == found


def test_national() -> None:
    assert read("national: [tr, es]")[0].national == ("tr", "es")
    assert read("national: ur")[0].national == ("ur",)
    assert read()[0].national == ()
    languages = "tr, es, pt, bn, gu, hi, kn, ml, or, pa, ta, te, ur"
    assert faults("national: [tr, xx]") == {
        "national[1]": f'expected one of {languages}, got "xx"'
    }


def test_the_forms_of_source() -> None:
    assert read("source: {short: {ton: 6, npi: 9}}")[0].source == Sources(
        alphanumeric=Numbering(ton=5, npi=0),
        international=Numbering(ton=1, npi=1),
        short=Numbering(ton=6, npi=9),
    )
    assert faults("source: {short: {ton: 6, npi: 9}, ton: 1, npi: 1}") == {
        "source.short": "unknown key"
    }
    assert faults("source: {}") == {
        "source.ton": "is needed",
        "source.npi": "is needed",
    }
    assert faults("source: none") == {
        "source": 'expected auto or a mapping, got "none"'
    }


def test_data_sm_has_no_schedule() -> None:
    assert faults("submit_with: data_sm\nschedule_format: relative") == {
        "schedule_format": "data_sm has no schedule_delivery_time"
    }


def test_tlvs() -> None:
    found, _ = read("tlvs: [{tag: 0x1400, name: a, type: int2, value: 7}]")
    assert found.tlvs == (Tlv(tag=0x1400, name="a", type="int2", value=7),)
    assert faults(
        "tlvs:\n"
        "  - {tag: 0x1400, name: a}\n"
        "  - {tag: 0x1400, name: a, type: int1, value: 256}\n"
        "  - {tag: 0x0424, name: b, type: float, value: [1]}\n"
        "  - {tag: 0, name: c, value: x, required: true}"
    ) == {
        "tlvs[1].tag": "is that of another one",
        "tlvs[1].name": "is that of another one",
        "tlvs[1].value": "expected an integer from 0 to 255, got 256",
        "tlvs[2].type": "expected one of int1, int2, int4, string, cstring, hex, "
        'got "float"',
        "tlvs[2].value": "expected a string or an integer, got a list",
        "tlvs[2].tag": "message_payload is written by other settings",
        "tlvs[3].tag": "expected an integer from 1 to 65535, got 0",
    }
    assert faults("tlvs: [{tag: 1, name: a}, {tag: 1, name: a}]") == {
        "tlvs[1].tag": "is that of another one",
        "tlvs[1].name": "is that of another one",
    }
    assert faults("tlvs: {tag: 1, name: c, value: x, required: true}") == {
        "tlvs": "expected a list, got a mapping"
    }
    assert faults("tlvs: [{tag: 1, name: c, value: x, required: true}]") == {
        "tlvs[0].required": "goes without saying: there is a value for all"
    }


def test_tables() -> None:
    found, _ = read(
        "receipt_states: {acked: delivered}\n"
        "receipt_errors: {1: absent, '007': busy, 0: none, 0A: odd}\n"
        "bind_errors: {0x0D: no money, RALYBND: twice}\n"
        "mo_data_coding: {0: ucs2, 0xF1: cp1251}\n"
        "receipt_pattern: 'i=(?P<id>\\w+)'"
    )
    assert found.receipt_states == {"ACKED": "delivered"}
    assert found.receipt_errors == {"1": "absent", "7": "busy", "0": "none", "A": "odd"}
    assert found.bind_errors == {13: "no money", 5: "twice"}
    assert found.mo_data_coding == {0: "ucs2", 241: "cp1251"}
    assert found.receipt_pattern is not None
    assert found.receipt_pattern.groupindex == {"id": 1}


@pytest.mark.parametrize(
    ("lines", "path", "complaint"),
    [
        ("receipt_states: {ACKED: fine}", "receipt_states.ACKED",
         ("expected one of delivered, undeliverable, expired, deleted, unknown, "
         'rejected, buffered, got "fine"')),
        ("receipt_states: {5: delivered}", "receipt_states.5",
         "expected a string, got 5; put it in quotes"),
        ("receipt_states: [ACKED]", "receipt_states",
         "expected a mapping, got a list"),
        ("receipt_states: {a: deleted, A: expired}", "receipt_states.A",
         "is in the mapping already"),
        ("receipt_errors: {1: 2}", "receipt_errors.1",
         "expected a string, got 2; put it in quotes"),
        ("receipt_errors: {1: x, '01': y}", "receipt_errors.01",
         "is in the mapping already"),
        ("bind_errors: {0: x}", "bind_errors.0", "ESME_ROK is no refusal"),
        ("mo_data_coding: {256: ucs2}", "mo_data_coding.256",
         "expected an integer from 0 to 255, got 256"),
        ("mo_data_coding: {0: utf7}", "mo_data_coding.0",
         ("expected one of gsm7, latin1, ucs2, ucs2-le, utf8, cp1252, cp1251, binary, "
         'got "utf7"')),
        ("mo_prefixes: {a: ''}", "mo_prefixes.a",
         'expected the first digits of a number in quotes, such as "00", got "a"'),
        ("mo_prefixes: {'': '1'}", "mo_prefixes",
         'expected the first digits of a number in quotes, such as "00", got ""'),
        ("mo_prefixes: {'0': 380}", "mo_prefixes.0",
         'expected the first digits of a number in quotes, such as "00", got 380'),
        ("receipt_pattern: 5", "receipt_pattern",
         "expected a regular expression, got 5"),
        ("receipt_pattern: (?P<stst>x)", "receipt_pattern",
         ("expected named groups id or stat, and of the rest only dlvrd, done_date, "
         'err, id, stat, sub, submit_date, text, got "(?P<stst>x)"')),
        ("receipt_pattern: (?P<id>x)(?P<more>x)", "receipt_pattern",
         ("expected named groups id or stat, and of the rest only dlvrd, done_date, "
         'err, id, stat, sub, submit_date, text, got "(?P<id>x)(?P<more>x)"')),
    ],
)  # fmt: skip
def test_tables_that_cannot_be(lines: str, path: str, complaint: str) -> None:
    assert faults(lines) == {path: complaint}


def test_a_pattern_that_is_none() -> None:
    complaint = faults("receipt_pattern: (")["receipt_pattern"]
    assert complaint.startswith("is no regular expression: ")


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("192.0.2.7", Endpoint("192.0.2.7", 0)),
        ("192.0.2.7:5000", Endpoint("192.0.2.7", 5000)),
        ("2001:db8::1", Endpoint("2001:db8::1", 0)),
        ("[2001:db8::1]:5000", Endpoint("2001:db8::1", 5000)),
    ],
)
def test_local_address(value: str, address: Endpoint) -> None:
    found, _ = read(hosts=f"[{{address: 'a:1', local_address: '{value}'}}]")
    assert found.hosts[0].local_address == address


@pytest.mark.parametrize("value", ["eth0", "a.example:5", "192.0.2.7:99999", "5", ""])
def test_local_addresses_that_cannot_be(value: str) -> None:
    found = faults(hosts=f"[{{address: 'a:1', local_address: '{value}'}}]")
    assert found["hosts[0].local_address"].startswith("expected a")


@pytest.mark.parametrize("value", ["5", "[192.0.2.7]", "true"])
def test_a_local_address_is_a_string(value: str) -> None:
    """YAML's 5 is no short form of 0.0.0.5."""
    found = faults(hosts=f"[{{address: 'a:1', local_address: {value}}}]")
    assert found["hosts[0].local_address"].startswith("expected an IP address of ours")


def test_what_is_shown_reads_back() -> None:
    lines = (
        "tlvs: [{tag: 0x1400, name: key, value: k1}, "
        "{tag: 0x1401, name: number, type: int2, value: 7}]\n"
        "receipt_pattern: 'i=(?P<id>\\w+)'\n"
        "receipt_errors: {7: busy}"
    )
    hosts = (
        "[{address: 'a:1', local_address: '192.0.2.7'}, "
        "{address: 'b:1', local_address: '[2001:db8::1]:5000'}]"
    )
    found, _ = read(lines, hosts=hosts)
    login = "{system_id: me, password: hunter2}".strip("{}").replace(", ", "\n    ")
    text = render(loads(document(lines, hosts, login, ""), HERE))
    assert "local_address: 192.0.2.7\n" in text
    again = loads(text.replace("(redacted)", "hunter2"), HERE)
    assert again.connectors["carrier"] == found


def test_a_local_port_for_several_binds() -> None:
    hosts = "[{address: 'a:1', local_address: '192.0.2.7:5000'}]"
    assert faults("sessions: 2", hosts=hosts) == {
        "hosts[0].local_address": "a port of ours can carry one bind only"
    }
    assert faults("bind: pair", hosts=hosts)
    read("sessions: 2", hosts=hosts.replace(":5000", ""))


def test_hosts() -> None:
    assert faults(hosts="[]") == {"hosts": "at least one host is needed"}
    assert faults(hosts="[{address: 'a:1'}, {address: 'b:1'}, {address: 'a:1'}]") == {
        "hosts[2].address": "a:1 is in the list already"
    }
    assert faults(hosts="['a:1']") == {"hosts[0]": 'expected a mapping, got "a:1"'}


def test_tls(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    file.touch()
    found, _ = read(
        hosts=f"[{{address: 'a:1', tls: {{certificate: {file}, key: {file}, "
        f"ca: {file}, pin: ['{'0' * 64}', '{'1' * 64}'], verify: false, "
        "server_name: SMSC.example, min_version: 1.3}}]"
    )
    assert found.hosts[0].tls == Tls(
        certificate=file,
        key=file,
        ca=file,
        pin=("0" * 64, "1" * 64),
        verify=False,
        server_name="smsc.example",
        min_version="1.3",
    )
    assert faults(
        hosts=f"[{{address: 'a:1', tls: {{key: {file}, ca: /nowhere, pin: x, "
        "server_name: 'a b', min_version: '1.1'}}]"
    ) == {
        "hosts[0].tls.key": "has no certificate beside it",
        "hosts[0].tls.ca": "no file /nowhere",
        "hosts[0].tls.pin": "expected the SHA-256 of a certificate, 64 hex digits, "
        'got "x"',
        "hosts[0].tls.server_name": "expected a host name such as hooks.example.org, "
        'got "a b"',
        "hosts[0].tls.min_version": 'expected 1.2 or 1.3, got "1.1"',
    }
    _, warnings = read(hosts="[{address: 'a:1', tls: {verify: false}}]")
    assert warnings == {
        "hosts[0].tls.verify": "anyone can pose as this server; give a pin at least"
    }


def test_credentials_longer_than_the_standard() -> None:
    standard = f"{{system_id: {'m' * 15}, password: {'x' * 8}}}"
    assert read(login=standard)[1] == {}
    found, warnings = read(login=f"{{system_id: {'m' * 16}, password: {'x' * 64}}}")
    assert found.password.reveal() == "x" * 64
    assert warnings == {
        "system_id": "longer than the 15 octets of the standard; sent whole",
        "password": "longer than the 8 octets of the standard; sent whole",
    }
    assert faults(login=f"{{system_id: {'m' * 65}, password: x}}") == {
        "system_id": "expected 1 to 64 characters, got 65"
    }
    assert faults(login=f"{{system_id: me, password: {'x' * 65}}}") == {
        "password": "is longer than 64 octets"
    }
    assert faults(login="{system_id: me, password: päss}") == {
        "password": "has characters that are not ASCII"
    }
    assert read(login="{system_id: me, password: ''}")[0].password == Secret("")


def test_a_transmitter_hears_nothing() -> None:
    message = "a transmitter hears of no receipts; with none messages end as sent"
    assert read("bind: transmitter")[1] == {"receipts": message}
    assert read("bind: transmitter\nreceipts: none")[1] == {}
    assert read("bind: receiver")[1] == {}


def test_retry_is_inherited_key_by_key() -> None:
    common = "retry: {attempts: 3, min: 1s}"
    assert read("retry: {max: 2m}", head=common)[0].retry == Retry(
        attempts=3, min=1, max=120
    )
    assert read(head=common)[0].retry == Retry(attempts=3, min=1, max=600)
    assert read("retry: {attempts: 5}")[0].retry == Retry(attempts=5)


@pytest.mark.parametrize(
    ("receipts", "asked"),
    [
        ("all", [True, True, True]),
        ("first", [True, False, False]),
        ("last", [False, False, True]),
        ("none", [False, False, False]),
    ],
)
def test_of_which_parts_a_receipt_is_asked(receipts: str, asked: list[bool]) -> None:
    found, _ = read(f"receipts: {receipts}")
    assert [found.receipt_asked(part, 3) for part in (1, 2, 3)] == asked
