"""datatrove's pipeline runs Steelyard's steps, keeps what they did, and puts together what became of each document."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor

from harness.errors import CorpusError
from harness.stages.data.build.pipeline import _ANY_TEXT, MergeShard, RunSteps, made_step
from harness.stages.data.steps.step import ShardedCorpus, step_options
from harness.stages.data.steps.user import find_step
from tests.stages.data.projects import project


def sharded(folder: Path, texts: dict[str, str]) -> ShardedCorpus:
    shards = ShardedCorpus(folder, 1)
    shards.write(0, [{"id": name, "text": text, "metadata": {}} for name, text in texts.items()])
    return shards


def run(root: Path, *names: str, texts: dict[str, str]) -> ShardedCorpus:
    project(root, "d.jsonl")
    out = ShardedCorpus(root / "out", 1)
    steps = RunSteps([(f"steps:{name}", "{}") for name in names], root, sharded(root / "source", texts), out, root)
    LocalPipelineExecutor(pickle.loads(pickle.dumps([steps])), workers=1, logging_dir=str(root / "logs")).run()
    return out


def test_each_step_counts_what_came_stayed_and_went(tmp_path: Path) -> None:
    out = run(tmp_path, "long_enough", "shouting", texts={"a": "one two three", "b": "one", "c": "a b c d"})
    assert [(document.id, document.text) for document in out.read(0)] == [("a", "ONE TWO THREE"), ("c", "A B C D")]
    long_enough, shouting = json.loads((tmp_path / "done" / "00000").read_bytes())
    assert long_enough.pop("seconds") > 0
    assert long_enough == {"step": "steps:long_enough", "in": 3, "reasons": {"long_enough": 1}}
    assert (shouting["in"], shouting["reasons"]) == (2, {})
    assert list(out.rows(0))[1] == {"id": "b", "removed": ["steps:long_enough", "long_enough", None]}


def test_a_step_that_fails_leaves_word_of_the_document(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such luck"):
        run(tmp_path, "broken", texts={"a": "t", "d7": "t"})
    (word,) = (tmp_path / "errors").iterdir()
    assert "raises RuntimeError on document 'd7'" in word.read_text()
    assert not (tmp_path / "done").exists()


def test_a_step_is_made_once_in_a_process_and_warmed_without_a_trace(tmp_path: Path) -> None:
    project(tmp_path, "d.jsonl")
    assert made_step("steps:same", "{}", tmp_path) is made_step("steps:same", "{}", tmp_path)
    log, nothing = tmp_path / "seen", ShardedCorpus(tmp_path, 0)
    steps = [("steps:broken", '{"on": ""}'), ("steps:logged", json.dumps({"log": str(log)}))]
    RunSteps(steps, tmp_path, nothing, nothing, tmp_path).warm()  # one fails, and says so of a document with a name
    assert not log.exists()


@pytest.mark.service
@pytest.mark.parametrize("name", ["language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii"])
def test_what_steps_are_warmed_by_is_read_to_its_end(name: str, tmp_path: Path) -> None:
    spec = find_step(name, tmp_path)
    step = spec.make(step_options(spec, {}, where="test"))
    assert callable(step)
    assert step(Document(_ANY_TEXT, "any", metadata={})) is None


def merge(root: Path, texts: dict[str, str], left: ShardedCorpus) -> list[Any]:
    MergeShard(sharded(root / "source", texts), left, root / "result", root / "merge", None, root)(None, 0, 1)
    return list(map(json.loads, (root / "result" / "explained" / "00000.jsonl").read_text("utf-8").splitlines()))


def test_kept_and_removed_documents_are_told_apart(tmp_path: Path) -> None:
    left = ShardedCorpus(tmp_path / "left", 1, (tmp_path / "removed",))
    gone = {"id": "b", "removed": ["s", "r", None]}
    left.write(0, [{"id": "a", "text": "A new", "metadata": {}}, gone, {"id": "c", "text": "c", "metadata": {}}])
    (tmp_path / "removed").mkdir()
    (tmp_path / "removed" / "00000").write_text('{"c": ["t", "d", "a"]}', encoding="utf-8")
    found = merge(tmp_path, {"a": "a", "b": "b", "c": "c"}, left)
    assert found == [
        {"id": "a", "kept": True, "step": None, "reason": None, "duplicate_of": None, "before": "a", "after": "A new"},
        {"id": "b", "kept": False, "step": "s", "reason": "r", "duplicate_of": None, "before": "b", "after": None},
        {"id": "c", "kept": False, "step": "t", "reason": "d", "duplicate_of": "a", "before": "c", "after": None},
    ]
    counts = json.loads((tmp_path / "merge" / "done" / "00000").read_bytes())
    assert [counts[key] for key in ("documents_in", "documents_out", "tokens_in", "tokens_out")] == [3, 1, 3, 2]


def test_the_digest_is_the_same_in_whatever_shards_documents_lie(tmp_path: Path) -> None:
    def digest(name: str, texts: dict[str, str]) -> int:
        merge(tmp_path / name, texts, sharded(tmp_path / name / "source", texts))
        return int(json.loads((tmp_path / name / "merge" / "done" / "00000").read_bytes())["digest"], 16)

    together = digest("together", {"a": "1", "b": "2", "c": "3"})
    assert (digest("one", {"a": "1", "c": "3"}) + digest("two", {"b": "2"})) % (1 << 256) == together
    assert digest("other", {"a": "1", "b": "2", "c": "4"}) != together
