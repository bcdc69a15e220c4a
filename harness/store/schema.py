"""The tables, the same on SQLite and Postgres, and the codec of what their columns hold.

Whatever a model or a user wrote is kept as UTF-8 in a binary column: Postgres refuses NUL in text, and neither database
takes a lone surrogate. JSON is ASCII, where both are escapes. What is rare in a row shares one column of JSON.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
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

from harness.records import Request, Sample, Shown, TokenLogprob
from harness.records.keys import fields_set


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


def _table(name: str, *columns: Any, **options: Any) -> Table:
    return Table(f"steelyard_{name}", metadata, *columns, **options)


def _key(**kinds: Any) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name, kind in kinds.items()]


def _has(**kinds: Any) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name, kind in kinds.items()]


def _may_have(**kinds: Any) -> list[Column[Any]]:
    return [Column(name, kind) for name, kind in kinds.items()]


_ID, _NAME, _DRAWS, _VERSION = String(32), String(64), LargeBinary(16), String(64)

meta = _table("meta", *_key(name=String(40)), *_has(value=Text))
generations = _table("generations", *_key(fingerprint=_VERSION, generation=Integer), *_has(begun=Double))
requests = _table("requests", *_key(key=_DRAWS), *_has(fingerprint=_VERSION, generation=Integer, request=Text))
samples = _table(
    "samples",
    *_key(key=_DRAWS, sample_index=Integer),
    *_has(text=Utf8, finish_reason=Utf8),
    *_may_have(prompt_tokens=BigInteger, completion_tokens=BigInteger, latency_s=Double),
    *_has(created=Double),
    *_may_have(extra=Text),
)
# A draw that failed, whether it was answered later or not.
failures = _table(
    "failures",
    *_key(key=_DRAWS, sample_index=Integer),
    *_has(fingerprint=_VERSION, generation=Integer, request=Text, failure=Text, created=Double),
)
Index("steelyard_failed", failures.c.fingerprint)
# A draw that a gate is making, or is about to.
draw_leases = _table(
    "draw_leases",
    *_key(key=_DRAWS, sample_index=Integer),
    *_has(holder=String(100), until=Double),
    sqlite_with_rowid=False,
)
runs = _table(
    "runs",
    *_key(run_id=_NAME),
    *_has(created=_NAME, begun=Double, spec=Text),
    *_may_have(verdict=String(20), exit_code=Integer, report=Text),
)
score_sets = _table(
    "score_sets",
    Column("id", Integer, primary_key=True),
    *_has(run_id=_NAME, evaluation_id=Utf8, metric=Utf8, role=String(10), fingerprint=_VERSION),
    UniqueConstraint("run_id", "evaluation_id", "metric", "role", "fingerprint"),
)
scores = _table(
    "scores",
    *_key(set_id=Integer, case_id=Utf8, sample_index=Integer),
    *_may_have(value=Double),
    *_has(outcome=SmallInteger),
    *_may_have(reason=Utf8, sample_key=_DRAWS, judged_by=Utf8, shown=Text, assertion=Utf8),
    sqlite_with_rowid=False,
)
# A look at a candidate that spends a part of the gate's error rate. The look 0 says that an evaluation is of the family
# and has not been looked at. `share` is what the look could spend where it was taken.
looks = _table(
    "looks",
    *_key(candidate=_VERSION, against=String(80), evaluation_id=Utf8, number=Integer),
    *_has(share=Double, batch=Integer, batch_size=Integer, run_id=_NAME, digest=String(16)),
    *_has(question=Text, because=Text, pruned=Boolean, begun=Double),
)
# What a recipe gave. Another machine may come to other weights by the same recipe: then it has a row for each.
builds = _table("builds", *_key(kind=String(40), recipe=_NAME, content=String(200)), *_has(created=Double))

# The review queue. Batches, items and events are added and never changed, save that a batch may be closed or be of
# another run, and for how an item stands, which follows from its events.
batches = _table(
    "review_batches",
    *_key(id=_ID),
    *_has(created=Double, evaluation_id=Utf8, metric=Utf8),
    *_may_have(run_id=_NAME),
    *_has(form=Text, source=Text),
    *_may_have(closed=Double, closed_reason=Utf8),
)
# `content` is what reviewers see, `origin` what they must not see.
items = _table(
    "review_items",
    *_key(id=_ID),
    *_has(batch_id=_ID, position=Integer, wanted=Integer, state=String(10), n_labels=Integer),
    *_may_have(value=Utf8, score=Double),
    *_has(case_id=Utf8, probability=Double),
    *_may_have(judge_score=Double),
    *_has(content=Text, origin=Text),
    UniqueConstraint("batch_id", "position"),
)
Index("steelyard_review_offered", items.c.batch_id, items.c.state, items.c.position)
leases = _table(
    "review_leases",
    *_key(id=_ID),
    *_has(item_id=_ID, reviewer=_NAME, task=String(10), swapped=Boolean, begun=Double, expires=Double),
    *_may_have(ended=Double),
)
_HELD = leases.c.ended.is_(None)
Index("steelyard_review_held", leases.c.item_id, sqlite_where=_HELD, postgresql_where=_HELD)
Index("steelyard_review_holding", leases.c.reviewer, sqlite_where=_HELD, postgresql_where=_HELD)
events = _table(
    "review_events",
    Column("number", Integer, primary_key=True),
    *_has(kind=String(10), item_id=_ID, reviewer=_NAME, time=Double, key=Utf8),
    *_may_have(value=Utf8, score=Double),
    *_has(note=Utf8, swapped=Boolean),
    *_may_have(lease_id=_ID, undoes=Integer, details=Text),
    UniqueConstraint("reviewer", "key"),
)
Index("steelyard_review_said", events.c.item_id, events.c.reviewer)
reviewers = _table(
    "reviewers",
    *_key(name=_NAME),
    *_has(role=String(12)),
    Column("token_hash", String(64), unique=True),
    *_has(created=Double),
    *_may_have(disabled=Double),
)


@functools.cache
def schema_version() -> str:
    """Return the digest of the tables, which stands for their version until 0.1.0 is tagged."""
    columns = [
        (table.name, column.name, type(column.type).__name__, column.nullable, column.primary_key)
        for table in metadata.sorted_tables
        for column in table.columns
    ]
    return hashlib.blake2b(repr(columns).encode("ascii"), digest_size=4).hexdigest()


def dumps(value: Any) -> str:
    """JSON in ASCII, without spaces; mappings of any kind and numpy's numbers included."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)


_SAMPLE = "sample_index", "text", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s", "created", "extra"
SAMPLE_COLUMNS = tuple(samples.c[name] for name in _SAMPLE)
"""Columns that `stored_sample` reads, in this order."""
_LISTS = ("tool_calls", "context", "messages")
_RARE = ("reasoning", *_LISTS, "loglikelihood", "is_greedy", "cost", "metadata", "failure")


def sample_row(key: bytes, sample: Sample, created: float) -> dict[str, Any]:
    """A sample as a row of the table `samples`."""
    extra: dict[str, Any] = {name: value for name in _RARE if (value := getattr(sample, name)) is not None}
    if sample.logprobs is not None:
        extra["logprobs"] = [[entry.token, entry.logprob, entry.top] for entry in sample.logprobs]
    if sample.cut_tokens:
        extra["cut_tokens"] = sample.cut_tokens
    usual = sample.text, sample.finish_reason, sample.prompt_tokens, sample.completion_tokens, sample.latency_s
    values = sample.index, *usual, created, dumps(extra) if extra else None
    return {"key": key, **dict(zip(_SAMPLE, values, strict=True))}


def stored_sample(row: Any) -> Sample:
    """The sample of a row of `SAMPLE_COLUMNS`."""
    index, text, finish_reason, n_prompt, n_completion, latency_s, created, extra = row
    fields = {} if extra is None else _with_tuples(json.loads(extra), _LISTS)
    if "logprobs" in fields:
        fields["logprobs"] = tuple(
            TokenLogprob(token, logprob, tuple(map(tuple, top))) for token, logprob, top in fields["logprobs"]
        )
    usual = text, index, finish_reason, n_prompt, n_completion, latency_s
    return Sample(*usual, stored=True, drawn_at=created, **fields)


def stored_shown(text: str) -> Shown:
    """Return what a judge was shown, of its JSON."""
    shown = json.loads(text)
    compared = (each if isinstance(each, str) else tuple(each) for each in shown["compared"])
    return Shown(tuple(map(tuple, shown["fields"])), shown["reference"], tuple(compared))


def request_json(request: Request) -> str:
    """A request as JSON, without what it does not set."""
    return dumps(fields_set(request))


def stored_request(text: str) -> Request:
    """The request of its JSON."""
    return Request(**_with_tuples(json.loads(text), ("messages", "tools")))


def _with_tuples(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: tuple(value) if name in names else value for name, value in fields.items()}
