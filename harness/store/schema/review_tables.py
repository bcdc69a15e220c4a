"""The review queue's tables. Batches, items and events are added and never changed, save that a batch may be closed.

`standings` and `marks` follow from the events: they are there so that the next item is found without reading those.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, String, Table, Text, UniqueConstraint

from harness.store.schema.tables import Utf8, metadata

batches = Table(
    "steelyard_review_batches",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", Double, nullable=False),
    Column("evaluation_id", Utf8, nullable=False),
    Column("metric", Utf8, nullable=False),
    Column("run_id", String(64)),
    Column("form", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("closed", Double),
    Column("closed_reason", Utf8),
)

# `content` is what reviewers see, `origin` what they must not see.
items = Table(
    "steelyard_review_items",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("batch_id", String(32), nullable=False),
    Column("position", Integer, nullable=False),
    Column("case_id", Utf8, nullable=False),
    Column("content", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("probability", Double, nullable=False),
    Column("judge_score", Double),
    UniqueConstraint("batch_id", "position"),
)

standings = Table(
    "steelyard_review_standings",
    metadata,
    Column("item_id", String(32), primary_key=True),
    Column("batch_id", String(32), nullable=False),
    Column("position", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("n_labels", Integer, nullable=False),
    Column("value", Utf8),
    Column("score", Double),
)
Index("steelyard_review_offered", standings.c.batch_id, standings.c.state, standings.c.position)

leases = Table(
    "steelyard_review_leases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("item_id", String(32), nullable=False),
    Column("reviewer", String(64), nullable=False),
    Column("task", String(10), nullable=False),
    Column("swapped", Boolean, nullable=False),
    Column("begun", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("ended", Double),
)
_HELD = leases.c.ended.is_(None)
Index("steelyard_review_held", leases.c.item_id, sqlite_where=_HELD, postgresql_where=_HELD)
Index("steelyard_review_holding", leases.c.reviewer, sqlite_where=_HELD, postgresql_where=_HELD)

events = Table(
    "steelyard_review_events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("item_id", String(32), nullable=False, index=True),
    Column("reviewer", String(64), nullable=False),
    Column("time", Double, nullable=False),
    Column("key", Utf8, nullable=False),
    Column("value", Utf8),
    Column("score", Double),
    Column("note", Utf8, nullable=False),
    Column("swapped", Boolean, nullable=False),
    Column("lease_id", String(32)),
    Column("undoes", Integer),
    UniqueConstraint("reviewer", "key"),
)

# The last event of a reviewer about an item that is in force.
marks = Table(
    "steelyard_review_marks",
    metadata,
    Column("reviewer", String(64), primary_key=True),
    Column("item_id", String(32), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    sqlite_with_rowid=False,
)

reviewers = Table(
    "steelyard_reviewers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("token_hash", String(64), unique=True),
    Column("created", Double, nullable=False),
    Column("disabled", Double),
)
