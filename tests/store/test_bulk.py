"""`esmed.store.bulk`: many rows, few statements."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.store import bulk


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(table()) as connection:
        yield connection


def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)")
    return connection


def rows(connection: sqlite3.Connection) -> list[bulk.Row]:
    return connection.execute("SELECT * FROM t ORDER BY id").fetchall()


VALUES = st.one_of(st.none(), st.text(st.characters(codec="utf-8")), st.binary())


@given(st.lists(st.tuples(VALUES, VALUES), max_size=300))
def test_rows_come_back_as_they_were(values: list[tuple[bulk.Value, ...]]) -> None:
    with closing(table()) as connection:
        wanted = [(number, *each) for number, each in enumerate(values)]
        bulk.insert(connection, "t", wanted)
        assert rows(connection) == wanted
        changed = [(number, *reversed(each)) for number, each in enumerate(values)]
        bulk.update(connection, "t", "id, a, b", changed[::2])
        assert rows(connection)[::2] == changed[::2]
        assert rows(connection)[1::2] == wanted[1::2]


def test_few_statements(database: sqlite3.Connection) -> None:
    seen: list[str] = []
    database.set_trace_callback(seen.append)
    bulk.insert(database, "t", [(number, "x", None) for number in range(1000)])
    # 7 × 128, 64, 32, 8.
    assert len(seen) == 10
    seen.clear()
    bulk.update(database, "t", "id, a", [(number, "y") for number in range(128)])
    assert len(seen) == 1
    bulk.insert(database, "t", [])
    bulk.update(database, "t", "id, a", [])
    assert len(seen) == 1


def test_a_row_that_is_not_there_is_not_made(database: sqlite3.Connection) -> None:
    bulk.update(database, "t", "id, a", [(1, "x")])
    assert rows(database) == []


def test_some_columns_and_replacing(database: sqlite3.Connection) -> None:
    bulk.insert(database, "t (id, a)", [(1, "x"), (2, "y")])
    with pytest.raises(sqlite3.IntegrityError):
        bulk.insert(database, "t", [(1, "z", None)])
    bulk.insert(database, "t", [(1, "z", b"")], verb="OR REPLACE")
    assert rows(database) == [(1, "z", b""), (2, "y", None)]


def test_each_row_is_found_by_its_key(database: sqlite3.Connection) -> None:
    """Not by reading the table once for every group."""
    values = "(VALUES (?, ?), (?, ?)) AS v"
    plan = database.execute(
        f"EXPLAIN QUERY PLAN UPDATE t SET a = v.column2 FROM {values}"  # noqa: S608
        " WHERE t.id = v.column1",
        (1, "x", 2, "y"),
    ).fetchall()
    assert any("SEARCH t USING INTEGER PRIMARY KEY" in step[3] for step in plan)
