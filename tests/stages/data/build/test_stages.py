"""Steps run in groups: those that look at one document together, those that look at all of them alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from harness.config import Settings
from harness.errors import CorpusError
from harness.stages.data.build.executors import BuildExecutor
from harness.stages.data.build.pipeline import Bench, check_left, run_steps
from harness.stages.data.outcomes import StepStatistics
from harness.stages.data.recipe import RecipeStep
from harness.stages.data.steps.step import ShardedCorpus, step_options
from harness.stages.data.steps.user import find_step
from tests.stages.data.projects import project

TEXTS = {"a": "the same text of five words", "b": "the same text of five words", "c": "another text", "d": "x"}


def step(name: str, root: Path, **table: Any) -> RecipeStep:
    return RecipeStep(name, step_options(find_step(name, root), table, where="test"), {})


def bench(settings: Settings) -> Bench:
    return Bench(settings, BuildExecutor("local", {"workers": 1}), settings.root / "work", lambda *_: None)


def source(root: Path) -> ShardedCorpus:
    shards = ShardedCorpus(root / "source", 1)
    shards.write(0, [Document(text, name, metadata={}) for name, text in TEXTS.items()])
    return shards


def test_steps_that_follow_each_other_share_a_pipeline(tmp_path: Path) -> None:
    settings = project(tmp_path, "d.jsonl")
    names = ["steps:same", "steps:shouting", "exact", "minhash", "steps:long_enough"]
    groups = [
        [each.name for each in group] for group in bench(settings).grouped([step(name, tmp_path) for name in names])
    ]
    assert groups == [["steps:same", "steps:shouting"], ["exact"], ["minhash"], ["steps:long_enough"]]


def test_a_step_over_all_documents_is_counted_like_the_others_and_done_once(tmp_path: Path) -> None:
    settings = project(tmp_path, "d.jsonl")
    exact = step("exact", tmp_path)
    folder = tmp_path / "work" / "00"
    out, (totals,) = run_steps([exact], bench(settings), folder, source(tmp_path), 4)
    assert totals.seconds > 0
    assert replace(totals, seconds=0.0) == StepStatistics("exact", 4, 3, 0.0, {"duplicate": 1})
    assert [document.id for document in out.read(0)] == ["a", "c", "d"]
    removal = json.loads((folder / "removals" / "00000").read_bytes())
    assert removal == {"id": "b", "step": "exact", "reason": "duplicate", "duplicate_of": "a"}
    out.path(0).unlink()
    assert run_steps([exact], bench(settings), folder, source(tmp_path), 4)[1][0].documents_out == 3
    assert not out.path(0).exists()


def test_steps_count_what_they_did_to_all_shards(tmp_path: Path) -> None:
    settings = project(tmp_path, "d.jsonl")
    steps = [step("steps:shouting", tmp_path), step("steps:long_enough", tmp_path, words=2)]
    out, (shouting, long_enough) = run_steps(steps, bench(settings), tmp_path / "03", source(tmp_path), 4)
    assert [(each.documents_in, each.documents_out) for each in (shouting, long_enough)] == [(4, 4), (4, 3)]
    assert long_enough.reasons == {"long_enough": 1}
    assert [document.text for document in out.read(0)][2:] == ["ANOTHER TEXT"]


def test_a_corpus_without_a_document_is_not_gone_on_with() -> None:
    whole = StepStatistics("a", 3, 1, 0.0, {"z": 2})
    check_left([whole])
    with pytest.raises(
        CorpusError, match=r"The step 'b' removed the last documents: 1,000 came to it, none was left \(x 990, y 10\)"
    ):
        check_left([whole, StepStatistics("b", 1000, 0, 0.0, {"y": 10, "x": 990})])
