"""What is checked of servers that we connect to over TLS, and shown to them."""

from collections.abc import Iterator
from dataclasses import dataclass

from esmed.errors import ConfigFault
from esmed.fieldtypes import ExistingFile, Fingerprint, HostName, TlsVersion
from esmed.settings import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls(Section):
    """How the server's certificate is checked, and ours if it asks for one; with the
    defaults its name and chain are verified."""

    ca: ExistingFile | None = None
    """PEM bundle instead of the system's."""
    certificate: ExistingFile | None = None
    """Our own certificate (PEM), if the server asks for one."""
    key: ExistingFile | None = None
    """Its key; None: it is in the certificate's file."""
    server_name: HostName | None = None
    """The name that is asked for (SNI) and checked; None: that of the address."""
    min_version: TlsVersion = "1.2"
    """The oldest version of TLS that will do."""
    pin: tuple[Fingerprint, ...] = ()
    """SHA-256 of the certificates the server may show (DER, lower-case hex)."""
    verify: bool = True
    """Whether name and chain are checked; a pin is checked in any case."""

    def faults(self) -> Iterator[ConfigFault]:
        if self.key and not self.certificate:
            message = "has no certificate beside it"
            yield ConfigFault(path="key", message=message, rests_on="certificate")

    def advice(self) -> Iterator[ConfigFault]:
        if not self.verify and not self.pin:
            message = "anyone can pose as this server; give a pin at least"
            yield ConfigFault(path="verify", message=message)
