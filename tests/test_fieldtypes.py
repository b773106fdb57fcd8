"""Single values: what is taken, what is refused, and that they can be shown again."""

from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.fieldtypes import (
    Boolean,
    Choice,
    DurationType,
    Endpoint,
    EndpointType,
    FieldType,
    FileType,
    FingerprintType,
    HostType,
    Integer,
    PrefixType,
    RateType,
    SecretType,
    SizeType,
    Text,
    TimeZoneType,
    UnixSocket,
    UrlType,
)
from esmed.secret import Secret, Surroundings

HERE = Surroundings(environ={}, directory=Path("/srv/esmed"))


def refusal(field: FieldType, raw: object) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        field.read(raw, HERE)
    return str(caught.value)


class TestTimeZone:
    @pytest.mark.parametrize(
        ("raw", "zone"),
        [
            ("UTC", UTC),
            ("+03:00", timezone(timedelta(hours=3))),
            ("+0300", timezone(timedelta(hours=3))),
            ("-09:30", timezone(timedelta(hours=-9, minutes=-30))),
            ("+00:00", UTC),
            ("Europe/Kyiv", ZoneInfo("Europe/Kyiv")),
        ],
    )
    def test_taken_and_shown(self, raw: str, zone: tzinfo) -> None:
        field = TimeZoneType()
        assert field.read(raw, HERE) == zone
        assert field.read(field.show(zone), HERE) == zone

    @pytest.mark.parametrize(
        "raw", ["Nowhere", "+3", "+15:00", "../UTC", "/etc/passwd", "", 3, None]
    )
    def test_refused(self, raw: object) -> None:
        assert refusal(TimeZoneType(), raw).startswith("expected UTC, an offset")


class TestText:
    def test_taken(self) -> None:
        assert Text().read("", HERE) == ""
        assert Text(least=1, most=3).read("абв", HERE) == "абв"

    @pytest.mark.parametrize(
        ("raw", "complaint"),
        [
            ("", "expected 1 to 3 characters, got 0"),
            ("abcd", "expected 1 to 3 characters, got 4"),
            ("é", 'expected printable ASCII only, got "é"'),
            ("a\n", 'expected printable ASCII only, got "a\\n"'),
            (380, "expected a string, got 380; put it in quotes"),
            (True, "expected a string, got true; put it in quotes"),
            (None, "expected a string, got nothing"),
            ([], "expected a string, got a list"),
            ({}, "expected a string, got a mapping"),
        ],
    )
    def test_refused(self, raw: object, complaint: str) -> None:
        assert refusal(Text(least=1, most=3, ascii_only=True), raw) == complaint

    def test_no_least(self) -> None:
        assert refusal(Text(most=1), "ab") == "expected at most 1 characters, got 2"


class TestNumbers:
    @pytest.mark.parametrize(
        ("raw", "got"),
        [(0, "0"), (11, "11"), ("5", '"5"'), (5.0, "5.0"), (True, "true")],
    )
    def test_integers_in_a_range(self, raw: object, got: str) -> None:
        complaint = f"expected an integer from 1 to 10, got {got}"
        assert refusal(Integer(1, 10), raw) == complaint
        assert Integer(1, 10).read(1, HERE) == 1
        assert Integer(1, 10).read(10, HERE) == 10

    def test_integers_without_end(self) -> None:
        assert refusal(Integer(1), "ten") == 'expected an integer ≥ 1, got "ten"'
        assert Integer(1).read(10**9, HERE) == 10**9

    def test_booleans(self) -> None:
        assert Boolean().read(raw=False, _=HERE) is False
        assert refusal(Boolean(), "yes") == 'expected true or false, got "yes"'
        assert refusal(Boolean(), 1) == "expected true or false, got 1"

    def test_choices(self) -> None:
        choice = Choice(("a", "b"))
        assert choice.read("b", HERE) == "b"
        assert refusal(choice, "c") == 'expected one of a, b, got "c"'
        assert refusal(choice, ["a"]) == "expected one of a, b, got a list"


class TestDurations:
    @pytest.mark.parametrize(
        ("raw", "seconds"),
        [
            ("500ms", 0.5),
            ("30s", 30),
            ("30 s", 30),
            ("1.5m", 90),
            ("24h", 86_400),
            ("30d", 2_592_000),
            (7, 7),
            (0.25, 0.25),
        ],
    )
    def test_taken(self, raw: object, seconds: float) -> None:
        assert DurationType().read(raw, HERE) == seconds

    @pytest.mark.parametrize(
        "raw", ["ten", "0s", 0, -1, "-5s", "5 years", True, None, "1m30s", "1e3s", "٣s"]
    )
    def test_refused(self, raw: object) -> None:
        wanted = "expected a duration > 0 such as 30s, 5m or 24h, got "
        assert refusal(DurationType(), raw).startswith(wanted)

    def test_none_at_all(self) -> None:
        zero = DurationType(zero=True)
        assert zero.read("0s", HERE) == 0
        assert zero.show(0.0) == "0s"
        assert refusal(zero, -1) == (
            "expected a duration such as 30s, 5m or 24h, got -1"
        )

    def test_too_long(self) -> None:
        assert DurationType().read("3650d", HERE) == 3650 * 86_400
        assert refusal(DurationType(), "3651d") == (
            'expected at most 3650d, got "3651d"'
        )

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(86_400, "1d"), (5400, "90m"), (90, "90s"), (0.5, "500ms"), (1.5, "1500ms")],
    )
    def test_shown(self, seconds: float, shown: str) -> None:
        assert DurationType().show(seconds) == shown

    @given(st.integers(1, 3650 * 86_400_000))
    def test_round_trip(self, milliseconds: int) -> None:
        shown = DurationType().show(milliseconds / 1000)
        assert DurationType().read(shown, HERE) == pytest.approx(milliseconds / 1000)


class TestRates:
    @pytest.mark.parametrize(
        ("raw", "rate"),
        [("20/s", 20), ("0.5/s", 0.5), ("90/m", 1.5), ("36/h", 0.01), ("5 / s", 5)],
    )
    def test_taken(self, raw: str, rate: float) -> None:
        assert RateType().read(raw, HERE) == pytest.approx(rate)

    @pytest.mark.parametrize("raw", [20, "20", "0/s", "-1/s", "20/d", "none", None])
    def test_refused(self, raw: object) -> None:
        wanted = "expected a rate > 0 such as 20/s or 100/m, got "
        assert refusal(RateType(), raw).startswith(wanted)

    @pytest.mark.parametrize(
        ("rate", "shown"), [(20, "20/s"), (1.5, "90/m"), (0.01, "36/h")]
    )
    def test_shown(self, rate: float, shown: str) -> None:
        assert RateType().show(rate) == shown

    def test_shown_uneven(self) -> None:
        assert RateType().show(1 / 7000) == "0.514286/h"

    @given(st.integers(1, 100_000), st.sampled_from("smh"))
    def test_round_trip(self, number: int, unit: str) -> None:
        rate = RateType().read(f"{number}/{unit}", HERE)
        assert RateType().read(RateType().show(rate), HERE) == pytest.approx(rate)


class TestSizes:
    @pytest.mark.parametrize(
        ("raw", "size"),
        [("8MiB", 8 * 2**20), ("1 GiB", 2**30), ("500kB", 500_000), (7, 7), ("7", 7)],
    )
    def test_taken(self, raw: object, size: int) -> None:
        assert SizeType().read(raw, HERE) == size

    @pytest.mark.parametrize(
        "raw", [0, -1, True, None, "1.5MiB", "8Mib", "8 MB/s", "0kB", "MiB"]
    )
    def test_refused(self, raw: object) -> None:
        assert refusal(SizeType(), raw).startswith("expected a size > 0 such as 8MiB")

    @given(st.integers(1, 2**50))
    def test_round_trip(self, size: int) -> None:
        assert SizeType().read(SizeType().show(size), HERE) == size


class TestEndpoints:
    @pytest.mark.parametrize(
        ("raw", "endpoint"),
        [
            ("smsc.example.net:2775", Endpoint("smsc.example.net", 2775)),
            ("10.0.0.1:1", Endpoint("10.0.0.1", 1)),
            ("[2001:db8::1]:65535", Endpoint("2001:db8::1", 65535)),
        ],
    )
    def test_taken(self, raw: str, endpoint: Endpoint) -> None:
        assert EndpointType().read(raw, HERE) == endpoint
        assert EndpointType().show(endpoint) == raw

    @pytest.mark.parametrize(
        "raw",
        ["host", "host:", ":2775", "::1:5", "[::1]", "a b:1", "http://host:80", 5,
         "unix:/x", "host:\N{FULLWIDTH DIGIT ONE}", "host:123456"],
    )  # fmt: skip
    def test_refused(self, raw: object) -> None:
        assert refusal(EndpointType(), raw).startswith("expected host:port, got ")

    @pytest.mark.parametrize("raw", ["host:0", "host:65536"])
    def test_ports(self, raw: str) -> None:
        wanted = "expected a port from 1 to 65535, got "
        assert refusal(EndpointType(), raw).startswith(wanted)

    def test_listening(self) -> None:
        listen = EndpointType(listen=True)
        assert listen.read("127.0.0.1:0", HERE) == Endpoint("127.0.0.1", 0)
        assert listen.read("unix:run/s", HERE) == UnixSocket(Path("/srv/esmed/run/s"))
        assert listen.read("unix:/run/s", HERE) == UnixSocket(Path("/run/s"))
        assert listen.show(UnixSocket(Path("/run/s"))) == "unix:/run/s"
        wanted = "expected host:port or unix:PATH, got "
        assert refusal(listen, "unix:").startswith(wanted)

    @pytest.mark.parametrize(
        ("host", "local"),
        [
            ("127.0.0.1", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("localhost", True),
            ("0.0.0.0", False),
            ("::", False),
            ("10.0.0.1", False),
            ("localhost.example.net", False),
        ],
    )
    def test_local(self, host: str, local: bool) -> None:
        assert Endpoint(host, 1).is_local is local


class TestAddresses:
    @pytest.mark.parametrize(
        "raw", ["http://h/", "https://app.example.net:8443/a?b=c", "http://[::1]:9/"]
    )
    def test_urls(self, raw: str) -> None:
        assert UrlType().read(raw, HERE) == raw

    @pytest.mark.parametrize(
        "raw",
        ["ftp://h/", "http://", "http:///x", "http://h:0/", "h", 5, "http://h:99999/",
         "http://h/\n", "http://h/a b", "http://[::1/", "http://u@h:0/"],
    )  # fmt: skip
    def test_no_urls(self, raw: object) -> None:
        assert refusal(UrlType(), raw).startswith("expected an http or https URL, got ")

    def test_credentials_are_refused_and_not_shown(self) -> None:
        complaint = refusal(UrlType(), "http://user:hunter2@h/")
        assert complaint == "a URL must not carry credentials"

    def test_hosts(self) -> None:
        assert HostType().read("Hooks.Example.org", HERE) == "hooks.example.org"
        assert HostType().read("2001:DB8::1", HERE) == "2001:db8::1"
        for raw in ("http://h", "h:80", "h/x", "", 5, "*.h"):
            assert refusal(HostType(), raw).startswith("expected a host name such as")

    @pytest.mark.parametrize("raw", ["380", "+380", "00380", "+3 8-0", "(380)"])
    def test_prefixes(self, raw: str) -> None:
        assert PrefixType().read(raw, HERE) == "380"

    @pytest.mark.parametrize("raw", ["", "+", "38x", "1" * 21, "٣"])
    def test_no_prefixes(self, raw: str) -> None:
        wanted = 'expected the first digits of a number, such as "380", got '
        assert refusal(PrefixType(), raw).startswith(wanted)

    def test_a_prefix_without_quotes(self) -> None:
        complaint = "expected a string, got 380; put it in quotes"
        assert refusal(PrefixType(), 380) == complaint

    def test_fingerprints(self) -> None:
        colons = ":".join(["AB"] * 32)
        assert FingerprintType().read(colons, HERE) == "ab" * 32
        for raw in ("ab" * 31, "x" * 64, 5):
            assert "64 hex digits, got " in refusal(FingerprintType(), raw)


class TestFiles:
    def test_files(self, tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        file.touch()
        here = Surroundings(environ={}, directory=tmp_path)
        assert FileType().read("ca.pem", here) == file
        assert FileType().read(str(file), HERE) == file
        assert FileType().show(file) == str(file)
        assert refusal(FileType(), "ca.pem") == "no file /srv/esmed/ca.pem"
        assert refusal(FileType(), str(tmp_path)) == f"no file {tmp_path}"
        assert refusal(FileType(), "") == 'expected a path, got ""'
        assert refusal(FileType(), 5) == "expected a path, got 5"

    def test_secrets(self) -> None:
        assert SecretType().read("x", HERE) == Secret("x")
        assert SecretType().show(Secret("x")) == "(redacted)"
        assert SecretType(may_be_empty=True).read("", HERE) == Secret("")
        assert refusal(SecretType(), "") == "the secret is empty"


def test_long_values_are_cut() -> None:
    assert refusal(DurationType(), "x" * 1000).endswith(f'got "{"x" * 40}…"')
