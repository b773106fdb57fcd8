"""Why a client's request is not done: one exception for each kind of answer.

    RefusedError
    ├── InvalidError      fields that cannot be as they are; carries every one found
    ├── ForbiddenError    the client may not do this
    ├── NotFoundError     there is no such thing, or it is somebody else's
    ├── ConflictError     it is too late for this
    ├── KeyReusedError    the Idempotency-Key belongs to another body
    └── BusyError         not now; says when to come back

The text of each is for the client; it never holds a secret.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from esmed.errors import EsmedError

_NAMED: Final = 5  # errors that the text of InvalidError holds


class FieldError(Struct, frozen=True):
    """One field that is wrong: ``messages[3].to`` and what is expected of it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class RefusedError(EsmedError):
    """Root of the refusals."""


class InvalidError(RefusedError):
    """The request is wrong; ``errors`` is never empty."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        named = [str(error) for error in errors[:_NAMED]]
        if len(errors) > _NAMED:
            named.append(f"and {len(errors) - _NAMED} more")
        super().__init__("; ".join(named))
        self.errors = tuple(errors)


class ForbiddenError(RefusedError):
    """The client may not do this; ``errors`` names the field if it is one's fault."""

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class NotFoundError(RefusedError):
    """There is no such thing for this client."""


class ConflictError(RefusedError):
    """The state of the thing does not allow it."""


class KeyReusedError(RefusedError):
    """The Idempotency-Key was used with another request."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used with another request")


class BusyError(RefusedError):
    """Not now; ``retry_after`` is in whole seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
