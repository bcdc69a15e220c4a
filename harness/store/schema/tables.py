"""The tables, the same on SQLite and Postgres.

Whatever a model or a user wrote is kept as UTF-8 in a binary column: Postgres refuses NUL in text, and neither database
takes a lone surrogate. JSON is ASCII, where both are escapes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator


class Utf8(TypeDecorator[str]):
    """Any Python string, NUL and lone surrogates included, in a binary column."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:  # noqa: ARG002
        """Text to bytes."""
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Bytes to text."""
        if value is None or isinstance(value, str):  # a text that somebody wrote by hand
            return value
        return value.decode("utf-8", "surrogatepass")


metadata = MetaData()

meta = Table(
    "steelyard_meta",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

generations = Table(
    "steelyard_generations",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("begun", Double, nullable=False),
)

requests = Table(
    "steelyard_requests",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("request", Text, nullable=False),
)

samples = Table(
    "steelyard_samples",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("text", Utf8, nullable=False),
    Column("finish_reason", Utf8, nullable=False),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("latency_s", Double),
    Column("created", Double, nullable=False),
    Column("extra", Text),
)

# A draw that failed, whether it was answered later or not.
failures = Table(
    "steelyard_failures",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("generation", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("failure", Text, nullable=False),
    Column("created", Double, nullable=False),
)

# A draw that a gate is making, or is about to.
draw_leases = Table(
    "steelyard_draw_leases",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(100), nullable=False),
    Column("until", Double, nullable=False),
    sqlite_with_rowid=False,
)

runs = Table(
    "steelyard_runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("created", String(64), nullable=False),
    Column("begun", Double, nullable=False),
    Column("spec", Text, nullable=False),
    Column("verdict", String(20)),
    Column("exit_code", Integer),
    Column("report", Text),
)

score_sets = Table(
    "steelyard_score_sets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("evaluation_id", Utf8, nullable=False),
    Column("metric", Utf8, nullable=False),
    Column("role", String(10), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    UniqueConstraint("run_id", "evaluation_id", "metric", "role", "fingerprint"),
)

scores = Table(
    "steelyard_scores",
    metadata,
    Column("set_id", Integer, primary_key=True, autoincrement=False),
    Column("case_id", Utf8, primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("value", Double),
    Column("outcome", SmallInteger, nullable=False),
    Column("reason", Utf8),
    Column("sample_key", LargeBinary(16)),
    Column("judged_by", Utf8),
    sqlite_with_rowid=False,
)

# A look at a candidate that spends a part of the gate's error rate. The look 0 says that an evaluation is of the family
# and has not been looked at. `share` is what the look could spend where it was taken.
looks = Table(
    "steelyard_looks",
    metadata,
    Column("candidate", String(64), primary_key=True),
    Column("against", String(80), primary_key=True),
    Column("evaluation_id", Utf8, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("share", Double, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("digest", String(16), nullable=False),
    Column("question", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("pruned", Boolean, nullable=False),
    Column("begun", Double, nullable=False),
)

# What a recipe gave. Another machine may come to other weights by the same recipe: then it has a row for each.
builds = Table(
    "steelyard_builds",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("recipe", String(64), primary_key=True),
    Column("content", String(200), primary_key=True),
    Column("created", Double, nullable=False),
)
