"""Brings a database to the schema that this version knows, or says why not."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final

from esmed.errors import StoreError

APPLICATION_ID: Final = 0x65736D65
"""``esme``: marks the file as ours (PRAGMA application_id)."""

NEEDED: Final = (3, 37)
"""The SQLite that knows STRICT tables; JSON functions are built in since 3.38."""


def migrations() -> list[str]:
    """Return the SQL of each migration in order; the first makes version 1."""
    folder = resources.files("esmed.store") / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return [file.read_text("utf-8") for file in files]


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply what is missing, each migration in a transaction of its own.

    Raises StoreError, without having changed anything, for an SQLite that is too old,
    for somebody else's database and for a newer version's.
    """
    if sqlite3.sqlite_version_info < NEEDED:
        msg = f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or later is needed"
        raise StoreError(msg)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        msg = (
            f"{path} is a database of another program: give store.url the path of a"
            " file that does not exist, or of an esmed store"
        )
        raise StoreError(msg)
    known = migrations()
    if version > len(known):
        msg = (
            f"{path} was written by a newer esmed (schema {version}, this one knows"
            f" {len(known)}): install that version, or restore a backup made before"
        )
        raise StoreError(msg)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        msg = f"{path} cannot have a write-ahead log: put it on a local disk"
        raise StoreError(msg)
    for number, sql in enumerate(known[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{sql}\n;"
            f" PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {number}; COMMIT;"
        )
