from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CorpusError
from harness.models.processes.frames import encode_frame, read_frame
from harness.stages.data.ablation.plan import AblationPlan
from harness.stages.data.ablation.training_process import train_model
from harness.stages.data.corpus import Corpus
from tests.stages.data.ablation.conftest import MakeCorpus
from tests.stages.data.projects import write_lines

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]


def message(corpus: Corpus, questions: Path, seed: int = 0, **plan: Any) -> dict[str, Any]:
    return {
        "corpus": corpus.name,
        "folder": str(corpus.folder),
        "seed": seed,
        "plan": AblationPlan(**{"tokens": 10_240, **plan}).as_json(),
        "held_out": str(questions / "held_out.jsonl"),
        "cloze": str(questions / "cloze.jsonl"),
    }


def test_tokens_and_curve_are_told(good: Corpus, questions: Path) -> None:
    told: list[str] = []
    found = train_model(message(good, questions), told.append)
    assert found.tokens == 10_240
    assert [tokens for tokens, _ in found.curve] == [2048, 4096, 6144, 8192, 10_240]
    assert found.curve[-1][1] == found.loss
    losses = [loss for _, loss in found.curve]
    assert losses == sorted(losses, reverse=True)
    assert found.cloze is not None
    assert 0 <= found.cloze <= 1
    assert all(text.startswith("seed 0 ") for text in told)


@pytest.mark.nightly
def test_both_corpora_train_on_as_many_tokens(good: Corpus, make_corpus: MakeCorpus, questions: Path) -> None:
    """One has words that are cut into more tokens each, and so gives less of its text."""
    foreign = make_corpus("foreign", [(f"f{n}", f"Zażółć gęślą jaźń {n}. " * 40) for n in range(60)])
    one, other = (train_model(message(each, questions), lambda _: None) for each in (good, foreign))
    assert one.tokens == other.tokens
    assert other.n_bytes < one.n_bytes


def test_without_a_cloze_task_there_is_no_score(good: Corpus, questions: Path) -> None:
    assert train_model({**message(good, questions), "cloze": None}, lambda _: None).cloze is None


def test_a_held_out_text_in_the_corpus_is_named(make_corpus: MakeCorpus, questions: Path, tmp_path: Path) -> None:
    text = "The very text that is held out, and that nobody may have seen."
    write_lines(tmp_path / "held_out.jsonl", [{"id": "h", "text": text}])
    corpus = make_corpus("leaky", [("a", "Some other text. " * 50), ("leak", text.lower())])
    with pytest.raises(CorpusError, match=r"leaky holds a document that is held out: 'leak' is in .*held_out.jsonl"):
        train_model({**message(corpus, questions), "held_out": str(tmp_path / "held_out.jsonl")}, lambda _: None)


@pytest.fixture(scope="module")
def process() -> Any:
    """It goes on from test to test, until one ends it."""
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", "harness.stages.data.ablation.training_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert started.stdin is not None
    started.stdin.write(encode_frame({}))
    started.stdin.flush()
    assert answer(started) == {"ready": {}}
    yield started
    started.kill()
    started.wait()
    for pipe in (started.stdin, started.stdout):
        assert pipe is not None
        pipe.close()


def answer(process: Any) -> dict[str, Any]:
    while (found := read_frame(process.stdout)) is not None:
        if "log" not in found:
            return found
    raise AssertionError("the process has ended")


@pytest.mark.nightly
def test_it_answers_one_message_after_the_other(process: Any, good: Corpus, questions: Path) -> None:
    for sent in (
        {"id": 0, **message(good, questions)},
        {"cancel": 0},
        {"id": 1, **message(good, questions, tokens=10**7)},
        {"id": 2, **message(good, questions, seed=1)},
    ):
        process.stdin.write(encode_frame(sent))
    process.stdin.flush()
    first, second, third = (answer(process) for _ in range(3))
    assert (first["id"], first["seed"], first["tokens"]) == (0, 0, 10_240)
    assert second["id"] == 1
    assert "The corpus good has" in second["error"]
    assert (third["id"], third["seed"]) == (2, 1)
    assert first["loss"] == train_model(message(good, questions), lambda _: None).loss, "the same in another process"


def test_it_ends_with_its_parent_in_the_middle_of_a_training(process: Any, good: Corpus, questions: Path) -> None:
    long = message(good, questions, tokens=10**6, most_epochs=10**4)
    process.stdin.write(encode_frame({"id": 3, **long}))
    process.stdin.flush()
    while "log" not in (read_frame(process.stdout) or {}):
        pass
    began = time.monotonic()
    process.stdin.close()
    process.wait(60)
    assert time.monotonic() - began < 30
