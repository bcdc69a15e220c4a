"""Steps run in groups: those that look at one document together, those that look at all of them alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import CorpusError
from harness.stages.data.build.executors import run_tasks
from harness.stages.data.build.pipeline import Bench
from harness.stages.data.outcomes import StepStatistics
from harness.stages.data.recipe import RecipeStep
from harness.stages.data.steps.step import ShardedCorpus, step_options
from harness.stages.data.steps.user import find_step
from tests.stages.data.projects import project

LOCAL = {"name": "local", "workers": 1}
TEXTS = {"a": "the same text of five words", "b": "the same text of five words", "c": "another text", "d": "x"}


def step(name: str, root: Path, **table: Any) -> RecipeStep:
    return RecipeStep(name, step_options(find_step(name, root), table, where="test"), {})


def bench(settings: Settings) -> Bench:
    return Bench(settings, True, partial(run_tasks, LOCAL), lambda *_: None)


def source(root: Path) -> ShardedCorpus:
    shards = ShardedCorpus(root / "source", 1)
    shards.write(0, [{"id": name, "text": text, "metadata": {}} for name, text in TEXTS.items()])
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
    left, (totals,) = bench(settings).run_steps([exact], folder, source(tmp_path), 4)
    assert totals.seconds > 0
    assert replace(totals, seconds=0.0) == StepStatistics("exact", 4, 3, 0.0, {"duplicate": 1})
    assert [document.id for document in left.read(0)] == ["a", "c", "d"]
    assert list(left.rows(0))[1] == {"id": "b", "removed": ["exact", "duplicate", "a"]}
    left.path(0).unlink()
    assert bench(settings).run_steps([exact], folder, left, 4) == (
        replace(left, removed=(*left.removed, folder / "removed")),
        [totals],
    )


def test_steps_count_what_they_did_to_all_shards(tmp_path: Path) -> None:
    settings = project(tmp_path, "d.jsonl")
    steps = [step("steps:shouting", tmp_path), step("steps:long_enough", tmp_path, words=2)]
    out, (shouting, long_enough) = bench(settings).run_steps(steps, tmp_path / "03", source(tmp_path), 4)
    assert [(each.documents_in, each.documents_out) for each in (shouting, long_enough)] == [(4, 4), (4, 3)]
    assert long_enough.reasons == {"long_enough": 1}
    assert [document.text for document in out.read(0)][2:] == ["ANOTHER TEXT"]


def test_a_corpus_without_a_document_is_not_gone_on_with(tmp_path: Path) -> None:
    settings = project(tmp_path, "d.jsonl")
    steps = [step("steps:same", tmp_path), step("steps:long_enough", tmp_path, words=100)]
    with pytest.raises(
        CorpusError, match=r"The step 'steps:long_enough' removed the last documents: 4 came .* left \(long_enough 4\)"
    ):
        bench(settings).run_steps(steps, tmp_path / "work" / "00", source(tmp_path), 4)
    assert not (tmp_path / "work").exists()


def test_a_lost_task_is_an_error(tmp_path: Path) -> None:
    """datatrove takes what it did not write for none found, and only warns."""
    with pytest.raises(CorpusError, match=r"1 of 2 tasks did not end: no error was told\. Their logs are in"):
        run_tasks(LOCAL, [Losing(tmp_path / "lost")], 2, tmp_path / "lost")


@dataclass(frozen=True)
class Losing:
    """Has nothing tell that task 0 ended."""

    folder: Path

    def __call__(self, _data: object, rank: int, _world_size: int) -> None:
        if rank == 1:
            (self.folder / "completions" / "00000").unlink()
