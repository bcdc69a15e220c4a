"""What all trainings have in common, and the process that does them, started, watched and ended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.config.environment import python_path
from harness.errors import UsageError
from harness.stages.build_state import BuildState
from harness.stages.distillation.student_recipe import TRAINER
from harness.stages.training.sequences import IGNORED, TokenSequence, check_prompts
from harness.stages.training.texts import Lesson
from harness.stages.training.training_worker import checkpoint_of, collated, read_sequences, train, turns_of
from tests.stages.training.requests import request_of


@pytest.mark.parametrize(
    ("batch", "length", "at_once", "turns"),
    [
        (8, 128, 4096, 1),
        (8, 1024, 4096, 2),
        (8, 1025, 4096, 4),
        (6, 1000, 2000, 3),
        (7, 1000, 2000, 7),
        (2, 9000, 9, 2),
    ],
)
def test_a_step_is_computed_in_turns_of_equal_size_that_fit(batch: int, length: int, at_once: int, turns: int) -> None:
    assert turns_of(batch, length, at_once) == turns
    assert batch % turns == 0
    assert turns == batch or batch // turns * length <= at_once


def test_padding_is_not_looked_at_and_the_first_token_is_not_foretold() -> None:
    pytest.importorskip("torch")
    items = [TokenSequence((5, 6, 7), (5, 6, 7)), TokenSequence((8, 9), (IGNORED, 9))]
    batch = {name: rows.tolist() for name, rows in collated(items).items()}
    assert batch == {
        "input_ids": [[5, 6, 7], [8, 9, 0]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
        "labels": [[IGNORED, 6, 7], [IGNORED, 9, IGNORED]],
    }


def test_training_goes_on_from_the_newest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    assert checkpoint_of(tmp_path) is None
    for number, state in ((9, "{}"), (10, "{}"), (11, None)):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state, "utf-8")
    assert checkpoint_of(tmp_path) == str(tmp_path / "checkpoint-10")


@pytest.mark.service
@pytest.mark.usefixtures("loaded_torch")
def test_what_it_tells_is_passed_on(tmp_path: Path) -> None:
    told: list[BuildState] = []
    train(request_of(tmp_path, '{"text": "ships of the line and boats"}\n' * 3), TRAINER, told.append)
    steps = [state for state in told if state.phase == "training"]
    assert [(state.done, state.total, state.unit) for state in steps] == [(1, 2, "steps"), (2, 2, "steps")]
    assert re.fullmatch(r"loss \d\.\d{3}", steps[0].note)
    assert re.fullmatch(r"loss \d\.\d{3}, [\d,]+ tokens/s", steps[1].note)
    assert {state.version for state in told} == {"student"}
    assert (tmp_path / "to" / "model.safetensors").is_file()


@pytest.mark.service
def test_why_it_could_not_train_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"d\.jsonl, line 1 is no JSON"):
        train(request_of(tmp_path, "ships"), TRAINER, lambda _: None)


@pytest.mark.service
@pytest.mark.parametrize(("visible", "first"), [(None, "0"), ("3,1", "3"), ("GPU-5c2b,GPU-88aa", "GPU-5c2b"), ("", "")])
def test_of_several_gpus_it_sees_the_first(
    visible: str | None, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each of them the trainer of transformers would read another batch in every step."""
    (tmp_path / "seeing.py").write_text(
        "import os\n"
        "from harness.errors import UsageError\n"
        "def see(request, progress):\n"
        "    raise UsageError('sees ' + os.environ['CUDA_VISIBLE_DEVICES'] + '.')\n"
    )
    monkeypatch.setenv("PYTHONPATH", python_path([str(tmp_path)]))
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UsageError, match=f"sees {first}\\."):
        train(request_of(tmp_path, '{"text": "ships"}\n'), "seeing:see", lambda _: None)


def test_a_tokenizer_that_transformers_alone_reads_is_trained_with(tmp_path: Path) -> None:
    request = request_of(tmp_path, '{"text": "ships of the line and cabs"}\n')
    known = read_sequences(request, lambda _: None)
    whole = request.start / "tokenizer.json"
    model = json.loads(whole.read_text("utf-8"))["model"]
    (request.start / "vocab.json").write_text(json.dumps(model["vocab"]), "utf-8")
    (request.start / "merges.txt").write_text("#version: 0.2\na b\nb c\n", "utf-8")
    said = json.loads((request.start / "tokenizer_config.json").read_text("utf-8"))
    said = {**said, "tokenizer_class": "GPT2Tokenizer", "unk_token": "<pad>"}
    (request.start / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
    whole.unlink()
    check_prompts([Lesson("1", "ab", ({"role": "user", "content": "Who?"},))], request.start, 8, lambda _: None)
    assert read_sequences(request, lambda _: None) == known
