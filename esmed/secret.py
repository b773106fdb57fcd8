"""Secrets: where they come from, and a value that cannot be printed by accident.

In the configuration a secret is a plain string or exactly one of `{file: PATH}`,
`{env: NAME}`, `{credential: NAME}` (a file of that name under
`$CREDENTIALS_DIRECTORY`, as systemd's LoadCredential= makes it).
"""

import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REDACTED = "(redacted)"
MAX_BYTES = 64 * 1024  # of a secret's file: a wrong path must not be read without end
WEBHOOK_PREFIX: Final = "whsec_"  # Standard Webhooks, "Signature scheme"
EXPECTED = "expected a string, {file: PATH}, {env: NAME} or {credential: NAME}"


class Secret:
    """A string that only `reveal()` gives away.

    `repr`, `str` and formats show `(redacted)`; it cannot be pickled. Equality and hash
    are those of the string.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The secret itself. Do not let the result near a log or an error."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret{REDACTED}"

    def __str__(self) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be serialised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a configuration may refer to outside of itself."""

    environ: Mapping[str, str]
    directory: Path
    """Where relative paths start."""

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> "Surroundings":
        """Relative paths start at `$STATE_DIRECTORY` (its first), else here."""
        state = environ.get("STATE_DIRECTORY", "").split(":")[0]
        return cls(environ=environ, directory=Path(state) if state else Path.cwd())

    def path(self, text: str) -> Path:
        """`text` as an absolute path."""
        return Path(os.path.normpath(self.directory / text))


def read_secret(raw: object, surroundings: Surroundings) -> Secret:
    """The secret that the YAML value `raw` stands for.

    A trailing newline of a file is not part of it. Raises ValueError with a text that
    names the file or variable and never any content.
    """
    match raw:
        case str():
            value = raw
        case {"env": str(name), **rest} if not rest:
            value = _from_environment(name, surroundings)
        case {"file": str(name), **rest} if not rest:
            value = _from_file(surroundings.path(name))
        case {"credential": str(name), **rest} if not rest:
            value = _from_credential(name, surroundings)
        case _:
            # Whatever stands here may be a secret: it is not shown.
            raise ValueError(EXPECTED)
    if not value:
        raise ValueError("the secret is empty")
    return Secret(value)


def _from_environment(name: str, surroundings: Surroundings) -> str:
    try:
        return surroundings.environ[name]
    except KeyError:
        raise ValueError(f"the environment variable {name} is not set") from None


def _from_credential(name: str, surroundings: Surroundings) -> str:
    directory = surroundings.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ValueError(f"credential {name}: $CREDENTIALS_DIRECTORY is not set")
    if "/" in name or name in {"", ".", ".."}:
        raise ValueError("a credential is a plain file name")
    return _from_file(Path(directory) / name)


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ValueError(f"cannot read {path}: {exc.strerror}") from exc
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} is too large for a secret")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        # Its cause would carry the content into tracebacks.
        raise ValueError(f"{path} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def webhook_key(secret: str) -> bytes:
    """The octets that sign webhooks: what ``whsec_<base64>`` encodes, else its own.

    ValueError, which does not show the secret, if there is no base64 behind ``whsec_``.
    """
    if not secret.startswith(WEBHOOK_PREFIX):
        return secret.encode()
    try:
        key = b64decode(secret.removeprefix(WEBHOOK_PREFIX), validate=True)
    except ValueError:
        # Its cause knows the secret.
        raise ValueError("what follows whsec_ is not base64") from None
    if not key:
        raise ValueError("nothing follows whsec_")
    return key
