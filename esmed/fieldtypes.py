"""Types of single configuration values: durations, rates, sizes, addresses, paths.

A field of a section is annotated with one of the aliases below (`Duration`, `Rate`,
`SecretField` …) or with `Annotated[int, Integer(1, 10_000)]`. Each `FieldType` turns
the YAML value into the value the program uses and back. `read` raises ValueError with
a text such as `expected an integer ≥ 1, got "ten"`.
"""

import ipaddress
import json
import re
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from esmed.secret import REDACTED, Secret, Surroundings, read_secret


class FieldType(Protocol):
    """Between a YAML scalar (for secrets: also a mapping) and the program's value."""

    def read(self, raw: object, surroundings: Surroundings) -> object:
        """The value; ValueError says what was expected."""
        ...

    def show(self, value: Any) -> object:
        """What one would write in YAML to get `value`; secrets redacted."""
        ...


def got(raw: object) -> str:
    """`raw` for an error message, short and on one line."""
    match raw:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str() if len(raw) > 40:
            return json.dumps(raw[:40] + "…", ensure_ascii=False)
        case _:
            return json.dumps(raw, ensure_ascii=False, default=repr)


def unexpected(wanted: str, raw: object) -> ValueError:
    return ValueError(f"expected {wanted}, got {got(raw)}")


@dataclass(frozen=True, slots=True)
class Plain:
    """The value is shown as it is."""

    def show(self, value: object) -> object:
        return value


@dataclass(frozen=True, slots=True)
class Text(Plain):
    """A string of `least` to `most` characters; `ascii_only` for fields of the wire."""

    least: int = 0
    most: int = 4096
    ascii_only: bool = False

    def read(self, raw: object, _: Surroundings) -> str:
        match raw:
            case str():
                pass
            case int() | float():
                raise ValueError(f"expected a string, got {got(raw)}; put it in quotes")
            case _:
                raise unexpected("a string", raw)
        if not self.least <= len(raw) <= self.most:
            raise ValueError(f"expected {self._length()} characters, got {len(raw)}")
        if self.ascii_only and not (raw.isascii() and raw.isprintable()):
            raise unexpected("printable ASCII only", raw)
        return raw

    def _length(self) -> str:
        if self.least:
            return f"{self.least} to {self.most}"
        return f"at most {self.most}"


@dataclass(frozen=True, slots=True)
class Boolean(Plain):
    def read(self, raw: object, _: Surroundings) -> bool:
        if not isinstance(raw, bool):
            raise unexpected("true or false", raw)
        return raw


@dataclass(frozen=True, slots=True)
class Integer(Plain):
    least: int = 0
    most: int | None = None

    def read(self, raw: object, _: Surroundings) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise unexpected(self._wanted(), raw)
        if raw < self.least or (self.most is not None and raw > self.most):
            raise unexpected(self._wanted(), raw)
        return raw

    def _wanted(self) -> str:
        if self.most is None:
            return f"an integer ≥ {self.least}"
        return f"an integer from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Choice(Plain):
    """One of a closed set of strings."""

    values: tuple[str, ...]

    def read(self, raw: object, _: Surroundings) -> str:
        if not isinstance(raw, str) or raw not in self.values:
            raise unexpected(f"one of {', '.join(self.values)}", raw)
        return raw


_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_MS = 3650 * _DURATION_UNITS["d"]


@dataclass(frozen=True, slots=True)
class DurationType:
    """`500ms`, `30s`, `5m`, `24h`, `30d`, or a bare number of seconds → seconds."""

    zero: bool = False
    """Whether no time at all makes sense."""

    def read(self, raw: object, _: Surroundings) -> float:
        match raw:
            case bool():
                raise unexpected(self._wanted(), raw)
            case int() | float():
                milliseconds = raw * 1000.0
            case str() if found := re.fullmatch(
                r"([0-9]+(?:\.[0-9]+)?) ?(ms|[smhd])", raw
            ):
                milliseconds = float(found[1]) * _DURATION_UNITS[found[2]]
            case _:
                raise unexpected(self._wanted(), raw)
        if milliseconds < 0 or (not self.zero and milliseconds < 1):
            raise unexpected(self._wanted(), raw)
        if milliseconds > _LONGEST_MS:
            raise unexpected("at most 3650d", raw)
        return milliseconds / 1000

    def show(self, value: float) -> object:
        milliseconds = round(value * 1000)
        for unit in ("d", "h", "m", "s"):
            if milliseconds and milliseconds % _DURATION_UNITS[unit] == 0:
                return f"{milliseconds // _DURATION_UNITS[unit]}{unit}"
        return f"{milliseconds}ms" if milliseconds else "0s"

    def _wanted(self) -> str:
        return f"a duration {'' if self.zero else '> 0 '}such as 30s, 5m or 24h"


_RATE_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class RateType:
    """`20/s`, `100/m`, `5000/h` → a number per second."""

    def read(self, raw: object, _: Surroundings) -> float:
        if isinstance(raw, str):
            found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?/ ?([smh])", raw)
            if found and float(found[1]) > 0:
                return float(found[1]) / _RATE_SECONDS[found[2]]
        raise unexpected("a rate > 0 such as 20/s or 100/m", raw)

    def show(self, value: float) -> object:
        for unit, seconds in _RATE_SECONDS.items():
            number = round(value * seconds, 6)
            if number == int(number):
                return f"{int(number)}/{unit}"
        return f"{round(value * 3600, 6)}/h"


_SIZE_UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


@dataclass(frozen=True, slots=True)
class SizeType:
    """`8MiB`, `500kB`, or a bare number of octets → octets."""

    def read(self, raw: object, _: Surroundings) -> int:
        size = 0
        if isinstance(raw, int) and not isinstance(raw, bool):
            size = raw
        elif isinstance(raw, str):
            found = re.fullmatch(r"([0-9]+) ?(\w*)", raw)
            if found and found[2] in _SIZE_UNITS:
                size = int(found[1]) * _SIZE_UNITS[found[2]]
        if size <= 0:
            raise unexpected("a size > 0 such as 8MiB", raw)
        return size

    def show(self, value: int) -> object:
        for unit in ("GiB", "MiB", "KiB"):
            if value % _SIZE_UNITS[unit] == 0:
                return f"{value // _SIZE_UNITS[unit]}{unit}"
        return value


@dataclass(frozen=True, slots=True)
class SecretType:
    """A `Secret`, from a string in the file or from elsewhere."""

    may_be_empty: bool = False
    """Only as a string in the file: an empty file is a mistake."""

    def read(self, raw: object, surroundings: Surroundings) -> Secret:
        if raw == "" and self.may_be_empty:
            return Secret("")
        return read_secret(raw, surroundings)

    def show(self, _: object) -> object:
        return REDACTED


@dataclass(frozen=True, slots=True)
class FileType:
    """The path of a file that must be there; relative paths as for all of them."""

    def read(self, raw: object, surroundings: Surroundings) -> Path:
        if not isinstance(raw, str) or not raw:
            raise unexpected("a path", raw)
        path = surroundings.path(raw)
        if not path.is_file():
            raise ValueError(f"no file {path}")
        return path

    def show(self, value: object) -> object:
        return str(value)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address. `str()` is `host:port`, with brackets around an IPv6 address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """The address of a stream socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"

    @property
    def is_local(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class EndpointType:
    """`host:port` or `[::1]:port`; `unix:PATH` too if it is to `listen`, and port 0."""

    listen: bool = False

    def read(self, raw: object, surroundings: Surroundings) -> Endpoint | UnixSocket:
        if not isinstance(raw, str):
            raise unexpected(self._wanted(), raw)
        if self.listen and raw.startswith("unix:") and raw != "unix:":
            return UnixSocket(surroundings.path(raw.removeprefix("unix:")))
        found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):([0-9]{1,5})", raw)
        if not found:
            raise unexpected(self._wanted(), raw)
        port = int(found[3])
        if port > 65535 or (port == 0 and not self.listen):
            raise unexpected("a port from 1 to 65535", raw)
        return Endpoint(found[1] or found[2], port)

    def show(self, value: object) -> object:
        return str(value)

    def _wanted(self) -> str:
        return "host:port or unix:PATH" if self.listen else "host:port"


@dataclass(frozen=True, slots=True)
class UrlType(Plain):
    """An http or https URL without credentials."""

    def read(self, raw: object, _: Surroundings) -> str:
        if not isinstance(raw, str):
            raise unexpected("an http or https URL", raw)
        try:
            url = urlsplit(raw)
            usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
        except ValueError:
            usable = False
        if not usable or re.search(r"[\s\x00-\x1f]", raw):
            raise unexpected("an http or https URL", raw)
        if "@" in url.netloc:
            raise ValueError("a URL must not carry credentials")
        return raw


@dataclass(frozen=True, slots=True)
class HostType(Plain):
    """A host name or address without port, in lower case."""

    def read(self, raw: object, _: Surroundings) -> str:
        if not isinstance(raw, str) or not re.fullmatch(r"[\w.-]+|[0-9A-Fa-f:]+", raw):
            raise unexpected("a host name such as hooks.example.org", raw)
        return raw.lower()


@dataclass(frozen=True, slots=True)
class PrefixType(Plain):
    """The beginning of a phone number, normalised as numbers are: digits only."""

    def read(self, raw: object, surroundings: Surroundings) -> str:
        text = Text().read(raw, surroundings)
        digits = re.sub(r"[ ()-]", "", text).removeprefix("+").removeprefix("00")
        if not re.fullmatch(r"[0-9]{1,20}", digits):
            raise unexpected('the first digits of a number, such as "380"', raw)
        return digits


@dataclass(frozen=True, slots=True)
class FingerprintType(Plain):
    """SHA-256 of a certificate (DER) in hex, colons allowed → 64 lower-case digits."""

    def read(self, raw: object, _: Surroundings) -> str:
        digits = raw.replace(":", "").lower() if isinstance(raw, str) else ""
        if not re.fullmatch(r"[0-9a-f]{64}", digits):
            raise unexpected("the SHA-256 of a certificate, 64 hex digits", raw)
        return digits


@dataclass(frozen=True, slots=True)
class NetworkType:
    """`203.0.113.0/24`, or a single address → a network of either protocol."""

    def read(
        self, raw: object, _: Surroundings
    ) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        if isinstance(raw, str):
            try:
                return ipaddress.ip_network(raw)
            except ValueError as exc:
                if "host bits" in str(exc):
                    raise ValueError(f"{got(raw)} has host bits set") from None
        raise unexpected("an address or network such as 203.0.113.0/24", raw)

    def show(self, value: object) -> object:
        return str(value)


@dataclass(frozen=True, slots=True)
class TlsVersionType(Plain):
    """`1.2` or `1.3`, which YAML takes for numbers unless they are quoted."""

    def read(self, raw: object, _: Surroundings) -> str:
        if str(raw) not in {"1.2", "1.3"}:
            raise unexpected("1.2 or 1.3", raw)
        return str(raw)


@dataclass(frozen=True, slots=True)
class TimeZoneType:
    """`UTC`, an offset such as `+03:00`, or a name such as `Europe/Kyiv`."""

    def read(self, raw: object, _: Surroundings) -> tzinfo:
        if raw == "UTC":
            return UTC
        if isinstance(raw, str):
            if found := re.fullmatch(r"([+-])(0[0-9]|1[0-4]):?([0-5][0-9])", raw):
                ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
                return timezone(-ahead if found[1] == "-" else ahead)
            try:
                return ZoneInfo(raw)
            except (KeyError, OSError, ValueError):  # unknown, or the path of a file
                pass
        raise unexpected("UTC, an offset such as +03:00 or a zone's name", raw)

    def show(self, value: tzinfo) -> object:
        if isinstance(value, ZoneInfo):
            return value.key
        return str(value).removeprefix("UTC") or "UTC"


Duration = Annotated[float, DurationType()]
DurationOrZero = Annotated[float, DurationType(zero=True)]
Rate = Annotated[float, RateType()]
Size = Annotated[int, SizeType()]
SecretField = Annotated[Secret, SecretType()]
ExistingFile = Annotated[Path, FileType()]
PeerAddress = Annotated[Endpoint, EndpointType()]
ListenAddress = Annotated[Endpoint | UnixSocket, EndpointType(listen=True)]
Url = Annotated[str, UrlType()]
HostName = Annotated[str, HostType()]
Prefix = Annotated[str, PrefixType()]
Fingerprint = Annotated[str, FingerprintType()]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, NetworkType()]
TlsVersion = Annotated[str, TlsVersionType()]
TimeZone = Annotated[tzinfo, TimeZoneType()]
Name = Annotated[str, Text(least=1, most=64)]
