"""datatrove's pipeline runs Steelyard's steps, and keeps what they did."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor

from harness.errors import CorpusError
from harness.stages.data.build.pipeline import _ANY_TEXT, ReadShard, RunStep, WriteShard, made_step
from harness.stages.data.steps.step import ShardedCorpus, step_options
from harness.stages.data.steps.user import find_step
from tests.stages.data.projects import project


def run(root: Path, *names: str, texts: dict[str, str]) -> list[Document]:
    project(root, "d.jsonl")
    source, out = ShardedCorpus(root / "source", 1), ShardedCorpus(root / "out", 1)
    source.write(0, [Document(text, name) for name, text in texts.items()])
    steps = [RunStep(f"steps:{name}", "{}", root, root) for name in names]
    pipeline = [ReadShard(source, root / "progress"), *steps, WriteShard(out, steps, root)]
    LocalPipelineExecutor(pickle.loads(pickle.dumps(pipeline)), workers=1, logging_dir=str(root / "logs")).run()
    return list(out.read(0))


def test_each_step_counts_what_came_stayed_and_went(tmp_path: Path) -> None:
    kept = run(tmp_path, "long_enough", "shouting", texts={"a": "one two three", "b": "one", "c": "a b c d"})
    assert [(document.id, document.text) for document in kept] == [("a", "ONE TWO THREE"), ("c", "A B C D")]
    long_enough, shouting = json.loads((tmp_path / "done" / "00000").read_bytes())
    assert long_enough.pop("seconds") > 0
    assert long_enough == {
        "step": "steps:long_enough",
        "in": 3,
        "out": 2,
        "removed": 1,
        "reasons": {"long_enough": 1},
    }
    assert (shouting["in"], shouting["out"], shouting["removed"]) == (2, 2, 0)
    removal = json.loads((tmp_path / "removals" / "00000").read_bytes())
    assert removal == {"id": "b", "step": "steps:long_enough", "reason": "long_enough", "duplicate_of": None}
    assert (tmp_path / "progress" / "00000").read_text() == "3"


def test_a_step_that_fails_leaves_word_of_the_document(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such luck"):
        run(tmp_path, "broken", texts={"a": "t", "d7": "t"})
    (word,) = (tmp_path / "errors").iterdir()
    assert "raises RuntimeError on document 'd7'" in word.read_text()
    assert not (tmp_path / "done").exists()


def test_a_step_is_made_once_in_a_process_and_warmed_without_a_trace(tmp_path: Path) -> None:
    project(tmp_path, "d.jsonl")
    assert made_step("steps:same", "{}", tmp_path) is made_step("steps:same", "{}", tmp_path)
    RunStep("steps:broken", '{"on": ""}', tmp_path, tmp_path).warm()  # fails, and says so when a document is named
    log = tmp_path / "seen"
    RunStep("steps:logged", json.dumps({"log": str(log)}), tmp_path, tmp_path).warm()
    assert not log.exists()


@pytest.mark.service
@pytest.mark.parametrize("name", ["language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii"])
def test_what_steps_are_warmed_by_is_read_to_its_end(name: str, tmp_path: Path) -> None:
    spec = find_step(name, tmp_path)
    step = spec.make(step_options(spec, {}, where="test"))
    assert callable(step)
    assert step(Document(_ANY_TEXT, "any", metadata={})) is None
