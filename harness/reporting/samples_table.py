"""Every score of a run with its answer, as a table: a row for each, as CSV or parquet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from harness.gate.history.answers import StoredAnswer, answers_of_run
from harness.records import Report, Request, ScoreRow
from harness.review.exchange.files import guarded_cell
from harness.review.labels import PersonsLabel, labels_of_run
from harness.store import RunInfo, Store

_TEXTS = ("run_id", "evaluation_id", "metric", "requirement", "role", "version", "fingerprint", "case_id")
_SCORE = ("sample_index", "score", "outcome", "reason", "judged_by")
_ANSWER = ("prompt", "answer", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s")
COLUMNS = (*_TEXTS, *_SCORE, *_ANSWER, "human_score", "human_labels", "cluster")

_FIELD = "case."
_WHOLE = ("sample_index", "prompt_tokens", "completion_tokens")
_REAL = ("score", "latency_s", "human_score")
_ROWS_AT_ONCE = 2_000
_CHARACTERS_AT_ONCE = 50_000_000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_Key = tuple[str, str, str, str, int]
_Row = tuple[dict[str, Any], bool]


def columns_of(report: Report) -> tuple[str, ...]:
    """The columns of a run: those that every run has, then the short fields of its cases, such as `case.topic`."""
    fields = {name: None for verdict in report.evaluations for case in verdict.cases for name in case.fields or ()}
    return (*COLUMNS, *dict.fromkeys(map(_column_of, fields)))


def rows_of_run(store: Store, run: RunInfo, report: Report) -> Iterator[_Row]:
    """A row for each score: by evaluation, case, version (the candidate first) and sample; and whether its answer was
    pruned from the store since.

    A text of people's or a model's is as it was, but for halves of characters, which no file can hold (U+FFFD). What is
    not there is None: the score of a body that was skipped, an answer that was pruned.
    """
    requirements = {verdict.id: verdict.plan.requirement for verdict in report.evaluations}
    labels, columns = _labels(store, run, report), columns_of(report)
    every = [(verdict, case) for verdict in report.evaluations for case in verdict.cases]
    clusters = {(verdict.id, verdict.metric, case.id): case.cluster for verdict, case in every}
    fields = {
        (verdict.id, case.id): {_column_of(name): str(value) for name, value in case.fields.items()}
        for verdict, case in every
        if case.fields
    }
    for answer in answers_of_run(store, run):
        for metric, score in answer.rows.items():
            key = (answer.evaluation_id, metric, answer.role, answer.case_id, answer.sample_index)
            row = {
                "run_id": run.run_id,
                "requirement": requirements.get(answer.evaluation_id),
                **_of_score(answer, score),
                **_of_people(labels.get(key, ())),
                "cluster": clusters.get((answer.evaluation_id, metric, answer.case_id)),
                **fields.get((answer.evaluation_id, answer.case_id), {}),
            }
            is_lost = answer.sample is None and score.sample_key is not None
            yield {name: _storable(row.get(name)) for name in columns}, is_lost


def write_csv(store: Store, run: RunInfo, report: Report, stream: TextIO) -> str | None:
    """Write the rows as CSV. Every field is quoted. A line of text that a spreadsheet would run as a formula gets an
    apostrophe in front, as in the files of `steelyard review export`; parquet has every text as it was.

    Return how many rows have lost their answer, in words; None where none has.
    """
    writer = csv.DictWriter(stream, columns_of(report), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    n_lost = 0
    for row, is_lost in rows_of_run(store, run, report):
        n_lost += is_lost
        writer.writerow({name: guarded_cell(value) for name, value in row.items()})
    return _lost_in_words(n_lost)


def write_parquet(store: Store, run: RunInfo, report: Report, path: Path) -> str | None:
    """Write the rows as parquet, some hundred at a time. Needs pyarrow. Return what `write_csv` does."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = columns_of(report)
    types = dict.fromkeys(columns, pa.string()) | dict.fromkeys(_WHOLE, pa.int64()) | dict.fromkeys(_REAL, pa.float64())
    schema = pa.schema([(name, types[name]) for name in columns])
    n_lost = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(rows_of_run(store, run, report)):
            n_lost += sum(is_lost for _, is_lost in batch)
            writer.write_table(pa.Table.from_pylist([row for row, _ in batch], schema))
    return _lost_in_words(n_lost)


def _lost_in_words(n_rows: int) -> str | None:
    answers = "1 row has" if n_rows == 1 else f"{n_rows:,} rows have"
    return f"{answers} no answer: it was pruned from the store; scores and reasons stay" if n_rows else None


def _column_of(name: str) -> str:
    return str(_storable(f"{_FIELD}{name}"))


def _of_score(answer: StoredAnswer, score: ScoreRow) -> dict[str, Any]:
    own = ("evaluation_id", "role", "version", "case_id", "sample_index")
    return {
        **{name: getattr(answer, name) for name in own},
        **{name: getattr(score, name) for name in ("metric", "fingerprint", "outcome")},
        "reason": score.why,
        "score": score.value,
        "judged_by": None if score.judged_by is None else str(score.judged_by),
        "prompt": None if answer.request is None else _asked(answer.request),
        "answer": None if answer.sample is None else answer.sample.text,
        **{name: getattr(answer.sample, name, None) for name in _ANSWER[2:]},
    }


def _asked(request: Request) -> str:
    """Give what was asked as JSON: the chat messages; else an object with the raw prompt and the text weighed."""
    if request.messages and request.continuation is None:
        return json.dumps(list(request.messages), ensure_ascii=False)
    asked = {"messages": list(request.messages), "prompt": request.prompt, "continuation": request.continuation}
    return json.dumps({name: value for name, value in asked.items() if value}, ensure_ascii=False)


def _of_people(labels: Sequence[PersonsLabel]) -> dict[str, Any]:
    """Give what people said of an answer: the score that settles it, or the mean of theirs, and all labels as JSON."""
    adjudicated = [label for label in labels if label.is_adjudication]
    scores = [label.score for label in adjudicated[-1:] or labels if label.score is not None]
    known = [
        {name: getattr(label, name) for name in ("reviewer", "value", "score", "note", "time")}
        | {"adjudicated": label.is_adjudication}
        for label in labels
    ]
    return {
        "human_score": sum(scores) / len(scores) if scores else None,
        "human_labels": json.dumps(known, ensure_ascii=False) if known else None,
    }


def _labels(store: Store, run: RunInfo, report: Report) -> Mapping[_Key, list[PersonsLabel]]:
    """People's labels by what they are of; a preference between two answers belongs to the candidate's."""
    batches = [verdict.review.batch for verdict in report.evaluations if verdict.review is not None]
    by_answer: dict[_Key, list[PersonsLabel]] = {}
    for label in labels_of_run(store, run.run_id, batches):
        role = "candidate" if label.part == "pair" else label.part
        key = (label.evaluation_id, label.metric, role, label.case_id, label.sample_index)
        by_answer.setdefault(key, []).append(label)
    return by_answer


def _storable(value: Any) -> Any:
    is_whole = not isinstance(value, str) or value.isascii()
    return value if is_whole else _LONE_SURROGATE.sub("\ufffd", value)


def _batches(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    """Rows in lists that memory holds, however long the answers are."""
    batch, characters = list[_Row](), 0
    for row in rows:
        batch.append(row)
        characters += sum(len(value) for value in row[0].values() if isinstance(value, str))
        if len(batch) >= _ROWS_AT_ONCE or characters >= _CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    yield from [batch] if batch else []
