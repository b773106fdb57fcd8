"""TLS towards a server: what is checked, and what is shown."""

import hashlib
import ssl
from collections.abc import Collection
from typing import Final

from esmed.certificate import not_after
from esmed.errors import TransportError
from esmed.tlsconfig import Tls

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def client_context(tls: Tls) -> ssl.SSLContext:
    """Read the files anew, so that a renewed certificate needs no restart. Blocks.

    TLS 1.2 at least; name and chain are verified unless ``verify`` is false.
    TransportError says which file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:
        raise TransportError(f"cannot use {tls.ca}: {describe(error)}") from error
    context.minimum_version = _VERSIONS[tls.min_version]
    # From Python 3.13 on the default also wants what RFC 5280 says of extensions, which
    # many a carrier's own authority leaves out; a new Python must not cut the link.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate is not None:
        try:
            # Without a password to try OpenSSL would ask the terminal for one.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        except OSError as error:
            text = f"cannot use {tls.certificate}: {describe(error)}"
            raise TransportError(text) from error
    return context


def check_pin(peer: ssl.SSLObject | ssl.SSLSocket, pins: Collection[str]) -> None:
    """TransportError unless the peer's certificate is one of ``pins``, if any.

    A pin is the SHA-256 of the certificate's DER form in lower-case hex.
    """
    if not pins:
        return
    certificate = peer.getpeercert(binary_form=True) or b""
    found = hashlib.sha256(certificate).hexdigest()
    if found not in pins:
        raise TransportError(f"its certificate {found} is not pinned")


def our_end(tls: Tls) -> float | None:
    """When the certificate that we show ends; None: there is none. Blocks.

    `client_context` has found it usable.
    """
    if tls.certificate is None:
        return None
    text = tls.certificate.read_text("ascii", "replace")
    start = text.find(ssl.PEM_HEADER)
    end = text.find(ssl.PEM_FOOTER, start) + len(ssl.PEM_FOOTER)
    return not_after(ssl.PEM_cert_to_DER_cert(text[start:end]))


def their_end(peer: ssl.SSLObject) -> float | None:
    """When the peer's certificate ends, verified or not; None: it cannot be read."""
    return not_after(peer.getpeercert(binary_form=True) or b"")


def describe(error: OSError) -> str:
    """What OpenSSL says, without its source lines."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return error.strerror or str(error)
