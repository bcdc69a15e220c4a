"""Scores and answers of a run as CSV and parquet, read back by others' readers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet
import pytest

from harness.records import NewSample, Report, Request, Sample, ScoreRow, ScoringRule
from harness.reporting.samples_table import COLUMNS, write_csv, write_parquet
from harness.review import Queue
from harness.store import RunInfo, Store
from tests.decisions.observations import replace
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting import example_reports as examples
from tests.review import runs
from tests.review.conftest import PAIR, SCALE
from tests.store.rows import key_of

pytestmark = pytest.mark.service

TEST = "suites/test_capitals.py::test_capitals"
HOSTILE = {
    "formula": '=HYPERLINK("https://evil.example")',
    "plus": "+1",
    "at": "@SUM(1)",
    "bare CR": "a\r=cmd|' /C calc'!A0",
    "bare LF": "a\n+cmd|' /C calc'!A0",
    "semicolon": "a;=cmd|' /C calc'!A0;b",
    "LF first": "\n=1+1",
    "CR first": "\r\n=1+1",
    "full width": "＝1＋1",
    "full width later": "a\r＠SUM(1)",
    "quotes": 'a "b", c\r\nd\te',
    "nul": "before\0after",
    "lone surrogate": "half \ud83d of a face",
    "ansi": "\x1b[2J\x9b31m",
    "bidi": "\u202eevil\u2028",
    "long": "x" * 1_000_000,
    "wide": "漢字😀",
    "empty": "",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


def csv_rows(store: Store, run: RunInfo, report: Report) -> list[dict[str, str]]:
    stream = io.StringIO(newline="")
    write_csv(store, run, report, stream)
    csv.field_size_limit(2_000_000)
    return list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))


def parquet_rows(store: Store, run: RunInfo, report: Report, folder: Path) -> list[dict[str, Any]]:
    write_parquet(store, run, report, folder / "samples.parquet")
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / "samples.parquet").to_pylist()
    return found


def small_report(**fields: Any) -> Report:
    return examples.report(replace(examples.verdict(identity=TEST), **fields))


def test_there_is_a_row_for_each_score(store: Store, tmp_path: Path) -> None:
    capitals = Scored(candidate={"peru": [1, 0], "chad": ["skipped"]}, baseline={"peru": [1], "chad": ["error"]})
    side = stored.run(store, "r1", capitals)
    rows = parquet_rows(store, side.weighed.run, small_report(requirement="R 1"), tmp_path)
    assert [(row["case_id"], row["role"], row["sample_index"], row["score"], row["outcome"]) for row in rows] == [
        ("chad", "candidate", 0, None, "skipped"),
        ("chad", "baseline", 0, None, "error"),
        ("peru", "candidate", 0, 1.0, "scored"),
        ("peru", "candidate", 1, 0.0, "scored"),
        ("peru", "baseline", 0, 1.0, "scored"),
    ]
    assert rows[3] == {
        "run_id": "r1",
        "evaluation_id": TEST,
        "metric": "score",
        "requirement": "R 1",
        "role": "candidate",
        "version": "small",
        "fingerprint": "f-small",
        "case_id": "peru",
        "sample_index": 1,
        "score": 0.0,
        "outcome": "scored",
        "reason": "why 1",
        "judged_by": None,
        "prompt": '[{"role": "user", "content": "peru"}]',
        "answer": "candidate on peru, 1",
        "finish_reason": "stop",
        "prompt_tokens": None,
        "completion_tokens": None,
        "latency_s": None,
        "human_score": None,
        "human_labels": None,
        "cluster": None,
    }


def test_csv_and_parquet_say_the_same(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1, 0.25]}, baseline={"peru": [1, "error"]}))
    report = small_report()
    of_csv = csv_rows(store, side.weighed.run, report)
    of_parquet = parquet_rows(store, side.weighed.run, report, tmp_path)
    assert tuple(of_csv[0]) == tuple(of_parquet[0]) == COLUMNS
    assert of_csv == [{name: "" if value is None else str(value) for name, value in row.items()} for row in of_parquet]


def test_pandas_reads_both_with_their_types(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1, 0]}, baseline={"peru": [1, 1]}))
    with (tmp_path / "samples.csv").open("w", encoding="utf-8", newline="\n") as stream:
        write_csv(store, side.weighed.run, small_report(), stream)
    write_parquet(store, side.weighed.run, small_report(), tmp_path / "samples.parquet")
    for frame in (pandas.read_csv(tmp_path / "samples.csv"), pandas.read_parquet(tmp_path / "samples.parquet")):
        assert frame.groupby("role")["score"].mean().to_dict() == {"baseline": 1.0, "candidate": 0.5}
        assert frame["sample_index"].dtype == "int64"


def with_answers(store: Store, answers: dict[str, str]) -> RunInfo:
    """A run whose cases have these answers, each with the answer as its reason."""
    spec = {"candidate": {"name": "small", "fingerprint": "f0"}}
    store.begin_run("r1", "2026-11-24T16:03:12Z", spec)
    draws, rows = [], []
    for case, answer in answers.items():
        key = key_of(case)
        draws.append(NewSample(key, "f0", 0, Request(messages=({"role": "user", "content": answer},)), Sample(answer)))
        rows.append(ScoreRow(TEST, "score", "candidate", "f0", case, 0, 1.0, "scored", answer, key))
    store.add(draws)
    store.add_scores("r1", rows)
    return next(iter(store.runs()))


def test_hostile_answers_come_back_as_they_were_but_for_halves_of_characters(store: Store, tmp_path: Path) -> None:
    run = with_answers(store, HOSTILE)
    rows = {row["case_id"]: row for row in parquet_rows(store, run, small_report(), tmp_path)}
    for case, answer in HOSTILE.items():
        whole = answer.replace("\ud83d", "\ufffd")
        assert rows[case]["answer"] == rows[case]["reason"] == whole
        assert json.loads(rows[case]["prompt"])[0]["content"] == whole


def test_in_csv_no_text_begins_like_a_formula(store: Store) -> None:
    run = with_answers(store, HOSTILE)
    rows = {row["case_id"]: row for row in csv_rows(store, run, small_report())}
    assert rows["formula"]["answer"] == "'" + HOSTILE["formula"]
    assert [rows[case]["answer"] for case in ("plus", "at")] == ["'+1", "'@SUM(1)"]
    for case in ("quotes", "nul", "long", "wide", "ansi", "bidi", "empty"):
        assert rows[case]["answer"] == HOSTILE[case]
    lines = [line for row in rows.values() for cell in row.values() for line in re.split("[\r\n;]", cell)]
    assert not [line for line in lines if line.startswith(tuple("=+-@\t"))]
    assert not [cell for row in rows.values() for cell in row.values() if cell.startswith(("\r", "\n"))]


def test_in_csv_every_field_is_quoted_so_that_no_answer_begins_a_row(store: Store) -> None:
    run = with_answers(store, HOSTILE)
    stream = io.StringIO(newline="")
    write_csv(store, run, small_report(), stream)
    rows = stream.getvalue().split('"\n"')
    assert len(rows) == len(HOSTILE) + 1
    assert all(row.count('","') >= len(COLUMNS) - 1 for row in rows)


def test_what_was_weighed_is_told_with_its_context(store: Store, tmp_path: Path) -> None:
    store.begin_run("r1", "2026-11-24T16:03:12Z", {"candidate": {"name": "small", "fingerprint": "f0"}})
    request = Request(kind="loglikelihood", prompt="The capital of Peru is", continuation=" Lima")
    key = key_of("weighed")
    judged = ScoringRule(("f1",), "digest")
    store.add([NewSample(key, "f0", 0, request, Sample("", loglikelihood=-1.5))])
    store.add_scores("r1", [ScoreRow(TEST, "score", "candidate", "f0", "peru", 0, 1.0, "scored", None, key, judged)])
    (row,) = parquet_rows(store, next(iter(store.runs())), small_report(), tmp_path)
    assert json.loads(row["prompt"]) == {"prompt": "The capital of Peru is", "continuation": " Lima"}
    assert row["judged_by"] == "f1/digest"


def test_pruned_answers_leave_their_scores_and_are_counted(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1, 0]}, baseline={"peru": [1]}))
    store.prune(fingerprints=["f-small"])
    lost = "2 rows have no answer: it was pruned from the store; scores and reasons stay"
    assert write_csv(store, side.weighed.run, small_report(), io.StringIO()) == lost
    assert write_parquet(store, side.weighed.run, small_report(), tmp_path / "samples.parquet") == lost
    rows = parquet_rows(store, side.weighed.run, small_report(), tmp_path)
    assert [(row["score"], row["answer"]) for row in rows] == [
        (1.0, None),
        (0.0, None),
        (1.0, "baseline on peru, 0"),
    ]


def test_people_are_told_beside_the_judge(store: Store, tmp_path: Path) -> None:
    """The mean of what they gave, or what settled it."""
    run = runs.add_run(store)
    runs.add_batch(store, run, SCALE, n_items=2, wanted=2)
    queue = Queue(store)
    for name, role in (("ann", "annotator"), ("bob", "annotator"), ("eve", "adjudicator")):
        queue.add_reviewer(name, role)  # type: ignore[arg-type]
    given = {}
    for name, values in (("ann", (5, 1)), ("bob", (5, 5))):
        for value in values:
            view = queue.next(name)
            assert view is not None
            queue.label(name, view.lease_id, value, key=f"{name}-{view.item.id}", note=f"by {name}")
            given[view.item.id] = value
    disputed = queue.next("eve", task="adjudicate")
    assert disputed is not None
    queue.adjudicate("eve", disputed.lease_id, 2, key="settled")
    rows = [
        row
        for row in parquet_rows(store, run, small_report(id=runs.EVALUATION), tmp_path)
        if row["human_labels"] is not None
    ]
    assert sorted(row["human_score"] for row in rows) == [0.25, 1.0]
    settled = next(row for row in rows if row["human_score"] == 0.25)
    labels = json.loads(settled["human_labels"])
    assert [(each["reviewer"], each["adjudicated"]) for each in labels][-1] == ("eve", True)
    assert {each["note"] for each in labels} == {"by ann", "by bob", ""}
    assert {row["role"] for row in rows} == {"candidate"}


def test_a_preference_of_people_stands_beside_the_candidates_score(store: Store, tmp_path: Path) -> None:
    run = runs.add_run(store)
    runs.add_batch(store, run, PAIR, n_items=2)
    queue = Queue(store)
    queue.add_reviewer("ann", "annotator")
    view = queue.next("ann")
    assert view is not None
    queue.label("ann", view.lease_id, "tie", key="k")
    rows = parquet_rows(store, run, small_report(id=runs.EVALUATION), tmp_path)
    assert [(row["role"], row["human_score"]) for row in rows if row["human_labels"]] == [("candidate", 0.5)]


def test_a_run_without_scores_has_a_table_without_rows(store: Store, tmp_path: Path) -> None:
    run = with_answers(store, {})
    assert parquet_rows(store, run, small_report(), tmp_path) == []
    assert csv_rows(store, run, small_report()) == []


@pytest.mark.nightly
def test_parquet_is_written_in_pieces_that_memory_holds(store: Store, tmp_path: Path) -> None:
    run = with_answers(store, {str(number): "y" * 900_000 for number in range(40)})
    write_parquet(store, run, small_report(), tmp_path / "samples.parquet")
    file = pyarrow.parquet.ParquetFile(tmp_path / "samples.parquet")
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (40, 3)
