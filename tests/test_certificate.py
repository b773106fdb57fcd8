"""esmed.certificate: ends read from octets, and told in time."""

import ssl
import subprocess
from datetime import UTC, datetime

import pytest
from fakes.ca import Authority
from hypothesis import given
from hypothesis import strategies as st

from esmed.certificate import Ends, Watch, not_after

DAY = 86_400.0
THEIRS, OURS = "the SMSC's certificate", "our certificate"
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def certificate(tag: int, end: str, *, version: bool = True) -> bytes:
    """As much of one as comes before its end."""
    times = element(0x17, b"260101000000Z") + element(tag, end.encode())
    fields = [element(0x02, b"\x01"), element(0x30, b""), element(0x30, b"x" * 200)]
    if version:
        fields.insert(0, element(0xA0, element(0x02, b"\x02")))
    body = b"".join(fields) + element(0x30, times) + element(0x30, b"subject")
    return element(0x30, element(0x30, body) + element(0x30, b""))


def element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    return bytes([tag, 0x82]) + length.to_bytes(2) + content


GOOD = certificate(0x17, "261231235959Z")


@pytest.mark.parametrize("version", [True, False], ids=["version 3", "version 1"])
@pytest.mark.parametrize(
    ("tag", "end", "expected"),
    [
        (0x17, "261231235959Z", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x17, "491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x17, "500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x18, "20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
        # RFC 5280 §4.1.2.5: that it never ends.
        (0x18, "99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_end(tag, end, expected, version):
    found = not_after(certificate(tag, end, version=version))
    assert found == expected.timestamp()


@pytest.mark.parametrize("days", [-1, 2, 20_000])
def test_as_openssl_reads_it(authority: Authority, days: int):
    issued = authority.issue(f"end{days}", days=days)
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", issued.certificate],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    expected = ssl.cert_time_to_seconds(shown.strip().removeprefix("notAfter="))
    der = ssl.PEM_cert_to_DER_cert(issued.certificate.read_text())
    assert not_after(der) == expected


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x89" + b"\xff" * 9,
        b"\x04" + GOOD[1:],
        GOOD + b"\x30\x00",
        certificate(0x17, "261331235959Z"),
        certificate(0x17, "2612312359Z"),
        certificate(0x17, "20261231235959Z"),
        certificate(0x18, "261231235959Z"),
        certificate(0x16, "261231235959Z"),
        certificate(0x17, "٢61231235959Z"),
    ],
)
def test_what_is_no_certificate_has_no_end(der):
    assert not_after(der) is None


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_any_octet_may_be_wrong(at, octet):
    not_after(GOOD[:at] + bytes([octet]) + GOOD[at + 1 :])
    assert not_after(GOOD[:at]) is None


@given(st.binary(max_size=100))
def test_any_octets_are_survived(data):
    assert not_after(data) is None


# --- when to tell --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours", "notice"),
    [
        (None, None, ""),
        (14 * DAY, 14 * DAY, ""),
        (14 * DAY - 1, None, f"{THEIRS} ends on 2026-01-14"),
        (1.0, None, f"{THEIRS} ends on 2026-01-01"),
        (0.0, None, f"{THEIRS} ended on 2026-01-01"),
        (None, 3 * DAY, f"{OURS} ends on 2026-01-04"),
        (
            -DAY,
            DAY,
            f"{THEIRS} ended on 2025-12-31, {OURS} ends on 2026-01-02",
        ),
    ],
)
def test_the_notice(theirs, ours, notice):
    watch = Watch()
    watch.ends = Ends(
        theirs=None if theirs is None else NOW + theirs,
        ours=None if ours is None else NOW + ours,
    )
    assert watch.notice(NOW) == notice


def test_it_is_told_once_a_day():
    watch = Watch()
    assert watch.to_tell(NOW) == ""
    watch.ends = Ends(theirs=NOW + 15 * DAY)
    told = [day for day in range(20) if watch.to_tell(NOW + day * DAY)]
    assert told == list(range(2, 20))
    assert watch.to_tell(NOW + 19 * DAY + 3600) == ""
