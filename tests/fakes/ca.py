"""A certificate authority for one test run, made with the `openssl` command."""

import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its key, PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER form, lower-case hex."""
        pem = self.certificate.read_text("ascii")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    def server(self, *, client_ca: Path | None = None) -> ssl.SSLContext:
        """A server that shows this one, and asks clients for one of that CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    """Keeps its files in an empty directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca.key"
        _openssl(
            *("req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=test authority"),
            *("-keyout", self._key, "-out", self.certificate),
        )

    def issue(self, name: str, *alternatives: str, days: int = 2) -> Issued:
        """A certificate for these names, such as ``IP:127.0.0.1``.

        It is good for so many days; -1: it ended yesterday.
        """
        certificate = self._directory / f"{name}.pem"
        key = self._directory / f"{name}.key"
        request = self._directory / f"{name}.csr"
        extensions = self._directory / f"{name}.ext"
        names = ",".join(alternatives) or f"DNS:{name}"
        extensions.write_text(f"subjectAltName={names}\n", "ascii")
        subject = ("-subj", f"/CN={name}")
        _openssl("req", *_KEY, *subject, "-keyout", key, "-out", request)
        _openssl(
            *("x509", "-req", "-in", request, "-days", str(days)),
            *("-out", certificate),
            *("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-extfile", extensions),
        )
        return Issued(certificate=certificate, key=key)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
