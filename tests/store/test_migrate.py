"""`esmed.store.migrate`: whose database it is, and of which version."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from esmed.errors import StoreError
from esmed.store import migrate as module
from esmed.store.migrate import APPLICATION_ID, migrate, migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "esmed.db"


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {name for (name,) in rows}


def test_a_new_file_gets_it_all(database: sqlite3.Connection, path: Path) -> None:
    migrate(database, path)
    assert pragma(database, "application_id") == APPLICATION_ID
    assert pragma(database, "user_version") == len(migrations())
    assert pragma(database, "journal_mode") == "wal"
    assert {"messages", "lanes", "outbox", "inbound"} <= tables(database)


def test_twice_is_once(database: sqlite3.Connection, path: Path) -> None:
    migrate(database, path)
    before = tables(database)
    migrate(database, path)
    assert tables(database) == before


def test_only_what_is_missing(
    database: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database, path)
    known = [*migrations(), "CREATE TABLE later (id INTEGER) -- and a comment"]
    monkeypatch.setattr(module, "migrations", lambda: known)
    migrate(database, path)
    assert "later" in tables(database)
    assert pragma(database, "user_version") == len(known)


def test_one_that_fails_leaves_nothing(
    database: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [*migrations(), "CREATE TABLE later (id INTEGER); SELECT nonsense"]
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        migrate(database, path)
    database.rollback()
    assert "later" not in tables(database)
    assert pragma(database, "user_version") == len(broken) - 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE accounts (id INTEGER)",
        "PRAGMA application_id = 252006673",
        "PRAGMA user_version = 3",
    ],
)
def test_somebody_else_s_database_is_left_alone(
    database: sqlite3.Connection, path: Path, sql: str
) -> None:
    database.execute(sql)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"esmed\.db is a database of another program"):
        migrate(database, path)
    assert path.read_bytes() == before
    assert pragma(database, "journal_mode") == "delete"


def test_a_newer_version_s(database: sqlite3.Connection, path: Path) -> None:
    migrate(database, path)
    database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="written by a newer esmed"):
        migrate(database, path)


def test_where_no_log_can_be(path: Path) -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(StoreError, match="put it on a local disk"),
    ):
        migrate(connection, path)


def test_an_sqlite_of_old(
    database: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(StoreError, match=r"3\.37"):
        migrate(database, path)
