"""What SQLite's errors mean, and what to do about them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from esmed.errors import StoreError, StoreUnavailableError

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_BUSY: "end the other program that holds it",
    sqlite3.SQLITE_LOCKED: "end the other program that holds it",
    sqlite3.SQLITE_READONLY: "let this user write the file and its directory",
    sqlite3.SQLITE_PERM: "let this user write the file and its directory",
    sqlite3.SQLITE_AUTH: "let this user write the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "let this user write the file and its directory",
    sqlite3.SQLITE_IOERR: "look at its disk, its quota and the kernel's log",
    sqlite3.SQLITE_PROTOCOL: "put it on a local disk",
    sqlite3.SQLITE_NOLFS: "put it on a file system for large files",
    sqlite3.SQLITE_NOMEM: "give this process more memory",
}
"""By primary result code; these and damage are no fault of what was to be stored."""


def is_of_database(error: BaseException) -> bool:
    """Tell whether it is the database that failed, not what was asked of it."""
    code = _code(error)
    return isinstance(error, MemoryError) or code in _ADVICE or code in _DAMAGED


def is_damage(error: BaseException) -> bool:
    """Tell whether the file is not, or not any more, a sound database."""
    return _code(error) in _DAMAGED


def damaged(path: Path, found: object) -> StoreError:
    """Say what to do with a damaged store."""
    return StoreError(
        f"the store {path} is damaged ({found}); stop here: restore a backup, or save"
        " what can still be read (docs/operations.md says how), or move the file away"
        " to start empty"
    )


def unusable(path: Path, error: BaseException) -> StoreError:
    """Say why the store cannot be opened."""
    if is_damage(error):
        return damaged(path, error)
    return StoreError(f"store.url: cannot open {path}: {_told(error)}")


def unavailable(path: Path, error: BaseException) -> StoreUnavailableError:
    """Say why the store cannot be read or written now."""
    if is_damage(error):
        return StoreUnavailableError(str(damaged(path, error)))
    return StoreUnavailableError(f"the store {path} is unavailable: {_told(error)}")


def _told(error: BaseException) -> str:
    advice = _ADVICE.get(_code(error))
    text = str(error) or type(error).__name__
    return text if advice is None else f"{text}; {advice}"


def _code(error: BaseException) -> int:
    """Return SQLite's primary result code; -1: the error is not SQLite's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF
