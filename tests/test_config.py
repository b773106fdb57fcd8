"""config.yaml: what is read, with which defaults, and how faults are reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from esmed import config as config_module
from esmed.config import (
    KINDS,
    Client,
    Config,
    Http,
    Log,
    Route,
    Webhooks,
    load,
    loads,
    render,
)
from esmed.connectorconfig import ConnectorConfig, Retry
from esmed.errors import ConfigError
from esmed.fieldtypes import Endpoint, SecretField, UnixSocket, Url
from esmed.models import Priority
from esmed.secret import Secret, Surroundings
from esmed.smpp.config import Config as SmppConfig
from esmed.smpp.quirks import Numbering
from esmed.tlsconfig import Tls

CARRIER = """
connectors:
  carrier:
    kind: smpp
    hosts: [{address: "smsc.example.net:2775"}]
    system_id: me
    password: hunter2
"""
KNOWN = ", ".join(sorted(KINDS))
MINIMAL = CARRIER + "routes: [{via: [carrier]}]\n"


def read(text: str, environ: Mapping[str, str] | None = None) -> Config:
    directory = Path("/srv/esmed")
    return loads(text, Surroundings(environ=environ or {}, directory=directory))


def faults(text: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The faults by path; several at one path do not happen here."""
    with pytest.raises(ConfigError) as caught:
        read(text, environ)
    found = {fault.path: fault.message for fault in caught.value.faults}
    assert len(found) == len(caught.value.faults)
    return found


def smpp(lines: str, head: str = "") -> str:
    """A whole file with more `lines` of YAML in its connector."""
    indented = "".join(f"    {line}\n" for line in lines.splitlines())
    return head + CARRIER + indented + "routes: [{via: [carrier]}]\n"


def carrier(lines: str = "", head: str = "") -> SmppConfig:
    found = read(smpp(lines, head)).connectors["carrier"]
    assert isinstance(found, SmppConfig)
    return found


class TestDefaults:
    def test_top_level(self) -> None:
        config = read(MINIMAL)
        assert config.node
        assert config.store.url == "sqlite:////srv/esmed/var/esmed.db"
        assert config.store.path == Path("/srv/esmed/var/esmed.db")
        assert config.store.durability == "full"
        assert config.store.retention == 30 * 86_400
        assert config.store.erase_text == "never"
        assert config.http == Http(
            listen=(Endpoint("127.0.0.1", 8775),),
            max_queued=1_000_000,
            max_body=8 * 1024 * 1024,
            clients=(),
        )
        assert config.webhooks == Webhooks(
            url=None,
            secret=None,
            events=("message.final", "inbound.received"),
            allow=(),
            timeout=10,
            concurrency=8,
        )
        assert config.log == Log(level="info", numbers="masked", texts="masked")
        assert config.retry == Retry(attempts=10, min=5, max=600)
        assert config.shutdown_timeout == 30
        assert config.warnings == ()

    def test_route(self) -> None:
        (route,) = read(MINIMAL).routes
        assert route == Route(
            to=(), from_=(), client=(), priority=(), via=("carrier",),
            failover_after=10, spill=False, weights={},
        )  # fmt: skip


class TestValues:
    def test_everything_at_once(self) -> None:
        config = read(
            """
node: esme-1
store: {url: "sqlite:////data/x.db", durability: normal, retention: 7d,
        erase_text: final}
http:
  listen: ["127.0.0.1:0", "[::1]:8775", "unix:run/http.sock"]
  max_queued: 5
  max_body: 64KiB
  clients:
    - {name: shop, token: {env: SHOP}, rate: 100/m, senders: [MyCompany, "1234"]}
    - {name: ops, token: t, admin: true}
log: {level: debug, numbers: full, texts: full}
webhooks:
  url: https://app.example.net/sms
  secret: s
  events: ["message.*", message.delivered]
  allow: [Hooks.Example.org]
  timeout: 1m
  concurrency: 3
connectors:
  carrier:
    kind: smpp
    hosts:
      - {address: "a.example.net:2775", tls: true}
      - {address: "[2001:db8::1]:3550", tls: {verify: false}}
    system_id: me
    password: x
    standby: cold
    source: {ton: 5, npi: 0}
    rate: 20/s
routes:
  - {to: ["+380 50", "0038067"], from: MyCompany, client: shop,
     priority: [high, normal], via: carrier, failover_after: 0s, spill: true}
  - {via: [carrier]}
shutdown_timeout: 45
""",
            {"SHOP": "s3cret"},
        )
        assert config.node == "esme-1"
        assert config.store.path == Path("/data/x.db")
        assert config.store.retention == 7 * 86_400
        assert config.http.listen == (
            Endpoint("127.0.0.1", 0),
            Endpoint("::1", 8775),
            UnixSocket(Path("/srv/esmed/run/http.sock")),
        )
        assert list(map(str, config.http.listen)) == [
            "127.0.0.1:0",
            "[::1]:8775",
            "unix:/srv/esmed/run/http.sock",
        ]
        assert config.http.max_body == 65_536
        assert config.http.clients == (
            Client(
                name="shop",
                token=Secret("s3cret"),
                rate=100 / 60,
                senders=("MyCompany", "1234"),
                admin=False,
            ),
            Client(name="ops", token=Secret("t"), admin=True),
        )
        assert config.log == Log(level="debug", numbers="full", texts="full")
        assert config.webhooks.events == ("message.*", "message.delivered")
        assert config.webhooks.allow == ("hooks.example.org",)
        assert config.webhooks.timeout == 60
        found = config.connectors["carrier"]
        assert isinstance(found, SmppConfig)
        assert found.hosts[0].tls == Tls(
            ca=None, certificate=None, key=None, pin=(), verify=True
        )
        assert found.hosts[1].tls == Tls(verify=False)
        assert list(map(str, found.addresses)) == [
            "a.example.net:2775",
            "[2001:db8::1]:3550",
        ]
        assert found.source == Numbering(ton=5, npi=0)
        assert found.rate == 20
        assert config.routes[0] == Route(
            to=("38050", "38067"),
            from_=("MyCompany",),
            client=("shop",),
            priority=(Priority.HIGH, Priority.NORMAL),
            via=("carrier",),
            failover_after=0,
            spill=True,
        )
        assert config.shutdown_timeout == 45

    def test_one_value_stands_for_a_list(self) -> None:
        config = read(
            CARRIER + "routes: [{via: carrier}]\nhttp: {listen: 'localhost:1'}"
        )
        assert config.routes[0].via == ("carrier",)
        assert config.http.listen == (Endpoint("localhost", 1),)

    def test_sections_and_lists_may_be_left_without_content(self) -> None:
        text = MINIMAL + "store:\nwebhooks:\nhttp:\n  clients:\n  max_queued: 7\n"
        assert read(text).http.max_queued == 7

    def test_a_sender_named_no_stays_a_string(self) -> None:
        text = CARRIER + "routes: [{via: [carrier], from: [NO, 0380, 1e3]}]"
        assert read(text).routes[0].from_ == ("NO", "0380", "1e3")


class TestFaults:
    def test_weights_are_of_connectors_of_the_route(self) -> None:
        routes = "routes: [{via: carrier, weights: {other: 1, carrier: 0}}]"
        assert faults(CARRIER + routes) == {
            "routes[0].weights.other": "is not in via",
        }
        routes = "routes: [{via: carrier, weights: {carrier: 0}}]"
        assert faults(CARRIER + routes) == {
            "routes[0].weights": "one at least must be above 0",
        }

    def test_all_at_once_each_with_its_path(self) -> None:
        assert faults(
            """
stor: {}
node: 5
http:
  listen: ["127.0.0.1:80", 5]
  clients: [{name: a b, token: t}, {}]
webhooks: [x]
connectors:
  carrier:
    kind: smpp
    hosts: [{tls: 1}]
    windw: 3
    window: ten
    retry: {attempts: 0}
    source: atuo
    bind: x
  b: {kind: foo}
  c: {}
  d d: {kind: smpp}
  e: text
routes:
  - {via: [carrier, nope], to: [38x], from: [1], priority: bul}
  - {}
  - text
retry: {min: 5m, max: 1s}
callbacks: {}
"""
        ) == {
            "stor": 'unknown key; did you mean "store"?',
            "callbacks.listen": "is needed",
            "node": "expected a string, got 5; put it in quotes",
            "http.listen[1]": "expected host:port or unix:PATH, got 5",
            "http.clients[0].name": "a name has up to 64 letters, digits, "
            "'.', '_', '-'",
            "http.clients[1].name": "is needed",
            "http.clients[1].token": "is needed",
            "webhooks": "expected a mapping, got a list",
            "connectors.carrier.hosts[0].address": "is needed",
            "connectors.carrier.hosts[0].tls": "expected true, false or a mapping, "
            "got 1",
            "connectors.carrier.windw": 'unknown key; did you mean "window"?',
            "connectors.carrier.window": "expected an integer from 1 to 10000, "
            'got "ten"',
            "connectors.carrier.retry.attempts": "expected an integer from 1 to 1000, "
            "got 0",
            "connectors.carrier.source": 'expected auto or a mapping, got "atuo"',
            "connectors.carrier.bind": "expected one of transceiver, transmitter, "
            'receiver, pair, got "x"',
            "connectors.carrier.system_id": "is needed",
            "connectors.carrier.password": "is needed",
            "connectors.b.kind": f'unknown kind "foo"; known: {KNOWN}',
            "connectors.c.kind": f"is needed; known: {KNOWN}",
            "connectors.d d": "a name has up to 64 letters, digits, '.', '_', '-'",
            "connectors.e": 'expected a mapping, got "text"',
            "routes[0].via[1]": 'no connector "nope"',
            "routes[0].to[0]": 'expected the first digits of a number, such as "380", '
            'got "38x"',
            "routes[0].from[0]": "expected a string, got 1; put it in quotes",
            "routes[0].priority": 'expected one of high, normal, bulk, got "bul"',
            "routes[1].via": "is needed",
            "routes[2]": 'expected a mapping, got "text"',
            "retry.min": "is longer than max",
        }

    def test_text_lists_them_all(self) -> None:
        with pytest.raises(ConfigError) as caught:
            read("a: 1\nconnectors: {}\n")
        assert str(caught.value) == (
            "a: unknown key\nconnectors: at least one connector is needed"
        )

    def test_common_retry_is_reported_once(self) -> None:
        assert faults(MINIMAL + "retry: {attempts: 0}") == {
            "retry.attempts": "expected an integer from 1 to 1000, got 0"
        }

    @pytest.mark.parametrize("text", ["", "# nothing\n", "connectors:"])
    def test_nothing(self, text: str) -> None:
        assert list(faults(text)) == ["connectors"]

    def test_not_a_mapping(self) -> None:
        assert faults("[1]") == {"": "expected a mapping, got a list"}

    def test_wrong_shapes(self) -> None:
        text = "connectors: [1]\nroutes: {via: x}\nretry: 5\nstore: no\n"
        assert faults(text) == {
            "connectors": "expected a mapping, got a list",
            "routes": "expected a list, got a mapping",
            "retry": "expected a mapping, got 5",
            "store": 'expected a mapping, got "no"',
        }

    def test_a_retry_of_the_wrong_shape(self) -> None:
        assert faults(
            "retry: {min: 1s}\nconnectors: {a: 5, b: {kind: x, retry: 5}}"
        ) == {
            "connectors.a": "expected a mapping, got 5",
            "connectors.b.kind": f'unknown kind "x"; known: {KNOWN}',
        }

    @pytest.mark.parametrize(
        "url",
        ["x.db", "sqlite://x.db", "postgresql://h/d", "sqlite:///", "sqlite:///a/",
         "sqlite:///:memory:", "5"],
    )  # fmt: skip
    def test_no_store_urls(self, url: str) -> None:
        assert list(faults(MINIMAL + f"store: {{url: '{url}'}}")) == ["store.url"]

    @pytest.mark.parametrize(
        ("webhooks", "path"),
        [
            ("{url: 'http://h/'}", "webhooks.secret"),
            ("{allow: [h]}", "webhooks.secret"),
            ("{secret: s, allow: ['http://h']}", "webhooks.allow[0]"),
            ("{secret: whsec_, allow: [h]}", "webhooks.secret"),
            ("{secret: 'whsec_%', allow: [h]}", "webhooks.secret"),
            ("{events: [message.lost]}", "webhooks.events[0]"),
            ("{concurrency: 0}", "webhooks.concurrency"),
        ],
    )
    def test_webhooks(self, webhooks: str, path: str) -> None:
        assert list(faults(MINIMAL + f"webhooks: {webhooks}")) == [path]

    @pytest.mark.parametrize(
        ("route", "path"),
        [
            ("{via: []}", "via"),
            ("{via: [carrier, carrier]}", "via[1]"),
            ("{via: [carrier], to: ''}", "to"),
            ("{via: [carrier], to: 380}", "to"),
            ("{via: [carrier], client: shop}", "client[0]"),
            ("{via: [carrier], weight: 1}", "weight"),
            ("{via: [carrier], failover_after: -1s}", "failover_after"),
        ],
    )
    def test_routes(self, route: str, path: str) -> None:
        assert list(faults(CARRIER + f"routes: [{route}]")) == [f"routes[0].{path}"]

    def test_a_faulty_connector_is_still_there_for_routes(self) -> None:
        assert list(faults(smpp("window: 0"))) == ["connectors.carrier.window"]
        assert list(faults("connectors: {a: {kind: x}}\nroutes: [{via: a}]")) == [
            "connectors.a.kind"
        ]


class TestRulesBetweenKeys:
    """What one key's own fault makes untrue of another is not told."""

    @pytest.mark.parametrize(
        ("connector", "at_fault"),
        [
            ("kind: smsc, base_urls: 'https://a.ua', api_key: {env: NOPE}", "api_key"),
            (
                (
                    "kind: smstraffic-smtp, server: 'a:25', login: l, mail_from: a@b,"
                    " variant: 3"
                ),
                "variant",
            ),
            (
                (
                    "kind: smsc, base_urls: 'https://a.ua', login: l, password: p,"
                    f" tls: {{certificate: /nowhere.pem, key: {__file__}}}"
                ),
                "tls.certificate",
            ),
            (
                (
                    "kind: smsc, base_urls: 'https://a.ua', login: l, password: p,"
                    " retry: {min: 20m, max: long}"
                ),
                "retry.max",
            ),
        ],
    )
    def test_the_cause_alone(self, connector: str, at_fault: str) -> None:
        found = faults(f"connectors: {{one: {{{connector}}}}}")
        assert list(found) == [f"connectors.one.{at_fault}"]


class TestClients:
    def test_names_and_tokens_are_unique(self) -> None:
        found = faults(
            MINIMAL + "http: {clients: [{name: a, token: t1}, {name: b, token: t1},"
            " {name: a, token: t2}]}"
        )
        assert found == {
            "http.clients[1].token": "another client has the same token",
            "http.clients[2].name": '"a" is taken by another client',
        }

    @pytest.mark.parametrize(
        "address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "host.example.net:1"]
    )
    def test_none_and_open_to_others(self, address: str) -> None:
        found = faults(MINIMAL + f"http: {{listen: ['127.0.0.1:1', '{address}']}}")
        assert found == {
            "http.listen[1]": f"{address} is open to others: http.clients are needed"
        }

    @pytest.mark.parametrize(
        "address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:s"]
    )
    def test_none_and_local(self, address: str) -> None:
        config = read(MINIMAL + f"http: {{listen: ['{address}']}}")
        assert config.http.listen[0].is_local

    def test_some_and_open(self) -> None:
        text = "http: {listen: '0.0.0.0:1', clients: [{name: a, token: t}]}"
        assert not read(MINIMAL + text).http.listen[0].is_local

    def test_faulty_ones_are_not_none(self) -> None:
        text = "http: {listen: '0.0.0.0:1', clients: [{name: a, token: {env: X}}]}"
        assert list(faults(MINIMAL + text)) == ["http.clients[0].token"]

    def test_no_address(self) -> None:
        assert list(faults(MINIMAL + "http: {listen: []}")) == ["http.listen"]


class TestSecrets:
    def test_each_fault_names_its_path_and_never_the_content(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "password"
        file.write_bytes(b"hunter2\xff")
        text = MINIMAL.replace("hunter2", f"{{file: {file}}}")
        text += "http: {clients: [{name: a, token: {env: NOPE}}, {name: b, token: ''}]}"
        assert faults(text) == {
            "connectors.carrier.password": f"{file} is not UTF-8 text",
            "http.clients[0].token": "the environment variable NOPE is not set",
            "http.clients[1].token": "the secret is empty",
        }

    def test_the_configuration_does_not_show_them(self) -> None:
        assert "hunter2" not in repr(read(MINIMAL))


class TestWarnings:
    def advice(self, text: str) -> dict[str, str]:
        return {fault.path: fault.message for fault in read(text).warnings}

    def test_routes(self) -> None:
        assert self.advice(CARRIER) == {
            "routes": "none: only messages that name their connector can go"
        }
        text = CARRIER + "routes: [{via: carrier}, {to: '1', via: carrier}]"
        assert self.advice(text) == {
            "routes[0]": "matches every message: the routes after it are never reached"
        }

    @pytest.mark.parametrize(
        ("retention", "timeout", "is_said"),
        [("2d", "72h", True), ("3d", "72h", False), ("12h", "11h", False)],
    )
    def test_receipts_after_the_retention(
        self, retention: str, timeout: str, is_said: bool
    ) -> None:
        text = CARRIER.rstrip() + (
            f"\n    receipt_timeout: {timeout}\n"
            f"routes: [{{via: carrier}}]\nstore: {{retention: {retention}}}\n"
        )
        said = {
            "store.retention": "a receipt may come later, within receipt_timeout (3d)"
            " of connectors.carrier, and would find no message after 2d"
        }
        assert self.advice(text) == (said if is_said else {})


class TestRetry:
    def test_a_connector_inherits_key_by_key(self) -> None:
        common = "retry: {attempts: 3, min: 1s}\n"
        assert carrier("retry: {max: 2m}", common).retry == Retry(
            attempts=3, min=1, max=120
        )
        assert carrier("", common).retry == Retry(attempts=3, min=1, max=600)
        assert carrier("retry: {attempts: 5}").retry == Retry(attempts=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme(ConnectorConfig):
    """A provider of the tests."""

    base_urls: tuple[Url, ...]
    api_key: SecretField


class TestKinds:
    def test_a_kind_is_one_more_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(config_module, "KINDS", {**KINDS, "acme": Acme})
        text = MINIMAL.replace(
            "connectors:",
            "connectors:\n  acme: {kind: acme, api_key: k, rate: 5/s, "
            "base_urls: 'https://acme.example/'}",
        )
        acme = read(text).connectors["acme"]
        assert acme == Acme(
            kind="acme",
            base_urls=("https://acme.example/",),
            api_key=Secret("k"),
            rate=5,
            on_unknown="resend",
            hold_timeout=86_400,
            receipt_timeout=72 * 3600,
            reassembly_timeout=900,
            unmatched_ttl=86_400,
        )
        assert acme.receipt_asked(1, 2)
        assert faults(text.replace("api_key", "window")) == {
            "connectors.acme.window": "unknown key",
            "connectors.acme.api_key": "is needed",
        }


class TestYaml:
    def test_anchors_and_merge_keys(self) -> None:
        config = read(
            """
connectors:
  one: &one {kind: smpp, hosts: [{address: "a:1"}], system_id: me, password: x}
  two: {<<: *one, window: 5}
routes: [{via: [one, two]}]
"""
        )
        two = config.connectors["two"]
        assert isinstance(two, SmppConfig)
        assert (two.system_id, two.window) == ("me", 5)

    def test_keys_that_are_no_strings(self) -> None:
        assert faults(MINIMAL + "1: x\nhttp: {2: y}") == {
            "1": "unknown key",
            "http.2": "unknown key",
        }
        assert list(faults("connectors: {1: {kind: smpp}}")) == ["connectors.1"]


class TestLoad:
    def test_relative_paths(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "config.yaml"
        file.write_text(MINIMAL)
        monkeypatch.chdir(tmp_path)
        assert load(Path("config.yaml"), {}).store.path == tmp_path / "var/esmed.db"
        environ = {"STATE_DIRECTORY": "/var/lib/esmed:/var/lib/other"}
        assert load(file, environ).store.path == Path("/var/lib/esmed/var/esmed.db")

    def test_a_byte_order_mark(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("\ufeff" + MINIMAL)
        assert load(file, {}).connectors

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"cannot read .*config.yaml: No such"):
            load(tmp_path / "config.yaml", {})

    def test_not_utf8(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_bytes(b"password: hunter2\xff")
        with pytest.raises(ConfigError) as caught:
            load(file, {})
        assert str(caught.value) == f"{file} is not UTF-8 text"
        assert caught.value.__cause__ is None


class TestRender:
    def test_secrets_are_redacted_and_defaults_shown(self) -> None:
        text = render(read(MINIMAL + "http: {clients: [{name: a, token: t0ken}]}"))
        assert "hunter2" not in text
        assert "t0ken" not in text
        shown = yaml.safe_load(text)
        assert shown["connectors"]["carrier"]["password"] == "(redacted)"
        assert shown["http"]["clients"][0]["token"] == "(redacted)"
        assert shown["http"]["max_body"] == "8MiB"
        assert shown["store"]["retention"] == "30d"
        assert shown["retry"] == {"attempts": 10, "min": "5s", "max": "10m"}
        assert "from" in shown["routes"][0]
        assert "warnings" not in shown

    def test_it_reads_back(self, tmp_path: Path) -> None:
        pem = tmp_path / "x.pem"
        pem.touch()
        config = read(
            smpp(
                "rate: 100/m\nsource: {ton: 5, npi: 0}\ndefault_from: Me\n"
                "enquire_link: 1500ms",
                "http: {listen: ['unix:s', '[::1]:0'], max_body: 1001}\n"
                "shutdown_timeout: 90s\n",
            )
            .replace('2775"', f'2775", tls: {{ca: {pem}, pin: "{"0" * 64}"}}')
            .replace("{via", "{priority: bulk, failover_after: 0s, via")
            .replace("hunter2", "(redacted)")
        )
        assert read(render(config)) == config
