"""Brings a store of an older schema up to date. One that is open for reading alone is read as it is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, null, select, text

from harness.store.schema import codec, digests, review_tables, tables

_COLUMNS_SINCE: Mapping[int, Sequence[Column[Any]]] = {
    2: (tables.scores.c.judged_by,),
    5: (tables.scores.c.disagreement,),
    7: (tables.samples.c.digest,),
}
"""The columns that each schema version brought. All of them take NULL, so that old rows, and the processes of an older
Steelyard that are under way, go on as they are."""

_TABLES_SINCE: Mapping[int, Sequence[Table]] = {
    3: review_tables.TABLES,
    4: (review_tables.fronts,),
    6: (tables.looks,),
    9: (tables.builds,),
    11: (tables.failures,),
}
"""The tables that each schema version brought."""


def kept_failures(connection: Connection) -> list[dict[str, Any]]:
    """Rows of `steelyard_failures` for the failures that lie among the samples: before version 11 none was noted."""
    asked, drawn = tables.requests.c, tables.samples.c
    query = select(drawn.key, drawn.sample_index, asked.fingerprint, asked.generation, asked.request, drawn.created)
    query = query.add_columns(drawn.extra).join_from(tables.samples, tables.requests, drawn.key == asked.key)
    query = query.where(asked.generation != tables.APART, drawn.extra.contains('"failure":'))
    columns, found = tables.failures.c.keys(), []
    for row in connection.execute(query):
        with contextlib.suppress(ValueError):  # a damaged one is told where it is read
            if (failure := json.loads(row.extra).get("failure")) is not None:
                found.append({name: row._asdict().get(name, codec.dumps(failure)) for name in columns})
    return found


def _note_kept_failures(connection: Connection) -> None:
    if rows := kept_failures(connection):
        connection.execute(tables.failures.insert(), rows)


_FILLED_SINCE: Mapping[int, Sequence[Callable[[Connection], None]]] = {8: (digests.fill,), 11: (_note_kept_failures,)}
"""Functions that fill rows that were there before, by schema version."""


def table_names(schema_version: int) -> list[str]:
    """The names of the tables that a store of a schema version has."""
    newer = {table.name for since, added in _TABLES_SINCE.items() if since > schema_version for table in added}
    return [name for name in tables.metadata.tables if name not in newer]


def readable_column(column: Column[Any], schema_version: int) -> ColumnElement[Any]:
    """A column to read; NULL in a store of a schema version that does not have it yet."""
    is_newer = any(column in columns for since, columns in _COLUMNS_SINCE.items() if since > schema_version)
    return null().label(column.name) if is_newer else column


def migrate(connection: Connection, schema_version: int) -> None:
    """Bring a store of a schema version to the present one, in the caller's transaction."""
    if schema_version == tables.SCHEMA_VERSION:
        return
    for since in range(schema_version + 1, tables.SCHEMA_VERSION + 1):
        tables.metadata.create_all(connection, _TABLES_SINCE.get(since, ()))
        for column in _COLUMNS_SINCE.get(since, ()):
            kind = column.type.compile(connection.dialect)
            connection.execute(text(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}"))
        for fill in _FILLED_SINCE.get(since, ()):
            fill(connection)
    newest = {"value": str(tables.SCHEMA_VERSION)}
    connection.execute(tables.meta.update().where(tables.meta.c.name == "schema_version").values(newest))
