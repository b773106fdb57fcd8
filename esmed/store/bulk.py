"""Many rows with few statements.

``executemany`` gives up and takes back the interpreter lock at each row, which with a
busy event loop costs more than the database does. So rows go in as one statement of up
to 128 of them; sizes are powers of two so that few statements need preparing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

Value = int | str | bytes | None
Row = tuple[Value, ...]

_LARGEST = 128


def insert(
    connection: sqlite3.Connection, into: str, rows: Sequence[Row], *, verb: str = ""
) -> None:
    """Insert rows ``into`` a table (``name (column, …)``); ``verb``: ``OR REPLACE``."""
    run(connection, f"INSERT {verb} INTO {into} VALUES {{}}", rows)  # noqa: S608 - ours


def update(
    connection: sqlite3.Connection, table: str, columns: str, rows: Sequence[Row]
) -> None:
    """Set ``columns`` (``a, b``) of the rows whose key, the first column, is given."""
    names = columns.split(", ")
    sets = ", ".join(f"{name} = v.column{i}" for i, name in enumerate(names[1:], 2))
    run(
        connection,
        f"UPDATE {table} SET {sets} FROM (VALUES {{}}) AS v"  # noqa: S608 - names are ours
        f" WHERE {table}.{names[0]} = v.column1",
        rows,
    )


def run(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
    """Execute a statement for rows: they take the place of its ``{}``."""
    start = 0
    while start < len(rows):
        size = min(_LARGEST, 1 << ((len(rows) - start).bit_length() - 1))
        parameters = tuple(chain.from_iterable(rows[start : start + size]))
        connection.execute(_for(statement, len(rows[start]), size), parameters)
        start += size


@lru_cache(maxsize=256)
def _for(statement: str, columns: int, rows: int) -> str:
    """Return a statement for so many rows."""
    one = "(" + ",".join("?" * columns) + ")"
    return statement.format(",".join([one] * rows))
