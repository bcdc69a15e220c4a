"""A tiny student learns what its teacher says, and not only which texts it was taught on."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.customization import AdapterSettings, DistilledSettings
from harness.errors import UsageError
from harness.models.adapters.adapter_files import read_adapter
from harness.models.files.content_hash import file_hash
from harness.stages.build_state import NOTE
from harness.stages.training.lora import train_adapter
from harness.stages.training.students import shuffled, train_student, unigram_loglikelihood
from harness.stages.training.texts import TrainingData, read_texts, training_data
from harness.stages.training.training_worker import TrainingRequest
from tests.libraries import needed
from tests.models.conftest import VOCABULARY, write_resized, write_tiny_llama
from tests.stages.data.projects import project, some_rows, write_lines
from tests.stages.training.requests import request_of

pytestmark = pytest.mark.service

torch = needed("torch")
transformers = needed("transformers")
safetensors = needed("safetensors.torch")

TEXTS = ("the gulls follow the boat", "a boat follows the gulls", "the harbour sleeps at night")


def other_start(folder: Path) -> Path:
    """Weights that know something else than the teacher's."""
    write_tiny_llama(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(str(folder))
    return folder


def mean_divergence(teacher: Path, student: Path) -> float:
    """KL(teacher || student) over the places of the texts."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(teacher))
    theirs, ours = (
        transformers.AutoModelForCausalLM.from_pretrained(str(each), dtype="float32").eval()
        for each in (teacher, student)
    )
    found = []
    for text in TEXTS:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.inference_mode():
            p, q = (each(input_ids=ids).logits.log_softmax(-1) for each in (theirs, ours))
        found.append((p.exp() * (p - q)).sum(-1).mean().item())
    return sum(found) / len(found)


def trained(folder: Path, **settings: float) -> tuple[Path, Path, Path]:
    """Teacher, start and student."""
    torch.set_num_threads(1)
    teacher, start = write_tiny_llama(folder / "teacher"), other_start(folder / "start")
    path, student = folder / "texts.jsonl", folder / "student"
    path.write_text("".join(f'{{"text": "{text}"}}\n' for text in TEXTS * 4), "utf-8")
    student.mkdir()
    how: dict[str, float] = {"steps": 30, "batch": 4, "length": 16, "learning_rate": 3e-3, "hard_weight": 0, **settings}
    request = TrainingRequest(
        version="student",
        settings=DistilledSettings("teacher", "texts.jsonl", **how),  # type: ignore[arg-type]
        data=TrainingData("texts.jsonl", path, file_hash(path), is_corpus=False),
        start=start,
        teacher=teacher,
        targets=folder / "targets",
        folder=student,
    )
    train_student(request, lambda _: None)
    return teacher, start, student


@pytest.mark.nightly
def test_a_student_comes_nearer_to_its_teacher(tmp_path: Path) -> None:
    teacher, start, student = trained(tmp_path)
    assert mean_divergence(teacher, student) < 0.5 * mean_divergence(teacher, start)


@pytest.mark.nightly
def test_what_is_said_at_other_places_brings_a_student_less_near(tmp_path: Path) -> None:
    """Which tokens there are is learned of them, too: 0.49 nats a token against 0.58, of 1.17 at the start."""
    teacher, _, student = trained(tmp_path / "own")
    _, _, other = trained(tmp_path / "other", shuffled=True)
    assert mean_divergence(teacher, student) < 0.9 * mean_divergence(teacher, other)


@pytest.mark.nightly
def test_gradients_that_are_added_up_in_turns_are_those_of_the_whole_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of unequal lengths: the mean of means would be another."""
    torch.set_num_threads(1)
    lines = [{"prompt": "Where?", "answer": "In box " + "ab" * number} for number in range(12)]
    request = request_of(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    settings = DistilledSettings("teacher", "d.jsonl", steps=3, batch=4, length=64, learning_rate=3e-3, hard_weight=0.3)
    request = replace(request, settings=settings, start=other_start(tmp_path / "start"))
    losses: dict[str, list[tuple[str, str]]] = {}
    weights = {}
    for name, at_once in (("whole", 4 * 64), ("turns", 64)):
        told = losses[name] = []
        (tmp_path / name).mkdir()
        monkeypatch.setattr("harness.stages.training.training_worker.PLACES_AT_ONCE", at_once)
        train_student(
            replace(request, folder=tmp_path / name),
            lambda message, seen=told: seen.append((message["phase"], message.get("note", "").partition(",")[0])),
        )
        weights[name] = safetensors.load_file(tmp_path / name / "model.safetensors")
    whole, turns = ([note for phase, note in told if phase == "training"] for told in losses.values())
    assert whole == turns
    assert len(whole) == 3
    for name, tensor in weights["whole"].items():
        torch.testing.assert_close(weights["turns"][name], tensor, rtol=1e-2, atol=2e-4)


@pytest.mark.nightly
def test_a_corpus_teaches_a_student_and_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datatrove")
    pytest.importorskip("peft")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    request = request_of(tmp_path, "")
    write_lines(tmp_path / "web.jsonl", some_rows(20))
    made = project(tmp_path, "web.jsonl", ["steps:long_enough"])
    data = training_data(replace(made, versions={"clean": made.corpora["clean"].version}), "clean")
    assert {text.text for text in read_texts(data)} == {f"this is the text number {n}" for n in range(20) if n % 5}
    settings = replace(request.settings, data="clean", length=16)
    train_student(replace(request, data=data, settings=settings), lambda _: None)  # type: ignore[arg-type]
    assert (tmp_path / "to" / "model.safetensors").is_file()
    (tmp_path / "adapter").mkdir()
    adapter = AdapterSettings(data="clean", steps=2, batch=1, length=16)
    train_adapter(replace(request, data=data, settings=adapter, folder=tmp_path / "adapter"), lambda _: None)
    assert read_adapter(tmp_path / "adapter").rank == adapter.rank


def test_a_teacher_with_padded_embeddings_teaches_a_student_without(tmp_path: Path) -> None:
    """What is likeliest to it has no number with the student, and is no token."""
    torch.set_num_threads(1)
    request = request_of(tmp_path, '{"text": "ships of the line and boats"}\n' * 3)
    train_student(replace(request, teacher=write_resized(tmp_path / "padded", 300)), lambda _: None)
    assert (tmp_path / "to" / "model.safetensors").is_file()
    kept = [np.load(path)["ids"] for path in (tmp_path / "targets").iterdir()]
    assert max(ids.max() for ids in kept) < VOCABULARY


def test_a_teacher_of_random_weights_is_refused_and_a_small_text_tells_nothing_of_it(tmp_path: Path) -> None:
    """It knows less of the texts than how often each letter comes in them."""
    torch.set_num_threads(1)
    told: list[dict[str, Any]] = []
    few = request_of(tmp_path / "few", '{"text": "ships of the line and boats"}\n' * 3)
    train_student(few, told.append)
    (note,) = [each["note"] for each in told if each["phase"] == NOTE]
    kept = [np.exp(np.load(path)["logprobs"]).sum(-1) for path in (tmp_path / "few" / "targets").iterdir()]
    share = np.concatenate([each[:-1] for each in kept]).mean()
    assert f"of the teacher's 261 tokens the likeliest 64 are kept at each place, {share:.0%} of what it" in note
    lines = "".join(f'{{"text": "The {n} ships of {n * 7} left harbour at {n % 24}."}}\n' for n in range(90))
    many = request_of(tmp_path / "many", lines)
    settings = replace(few.settings, steps=100, length=32)
    with pytest.raises(
        UsageError, match=r"The teacher teacher foretells the texts worse than a table .* \(6\.\d\d against"
    ):
        train_student(replace(many, settings=settings), lambda _: None)


def test_who_knows_only_how_often_each_token_came_knows_it_at_the_end() -> None:
    """Two tokens, five of one: 1/2 · 3/4 · 5/6 · 7/8 · 9/10 by hand."""
    by_hand = math.log(1 / 2 * 3 / 4 * 5 / 6 * 7 / 8 * 9 / 10)
    assert unigram_loglikelihood(Counter([7] * 5), 2) == pytest.approx(by_hand)
    generator = np.random.default_rng(0)
    tokens = generator.choice(4, 20_000, p=[0.5, 0.25, 0.125, 0.125])
    assert unigram_loglikelihood(Counter(tokens.tolist()), 4) / len(tokens) == pytest.approx(
        -1.75 * math.log(2), abs=0.01
    )


def test_shuffled_targets_are_the_same_at_other_places() -> None:
    generator = np.random.default_rng(0)
    targets = [(generator.integers(0, 99, (length, 3)), generator.normal(size=(length, 3))) for length in (4, 7)]
    found = shuffled(targets, seed=1)
    assert [ids.shape for ids, _ in found] == [(4, 3), (7, 3)]
    before, after = (
        sorted((*ids.tolist(), *logs.tolist()) for pair in each for ids, logs in zip(*pair, strict=True))
        for each in (targets, found)
    )
    assert before == after, "each id keeps its log probability"
    assert any((one[0] != other[0]).any() for one, other in zip(targets, found, strict=True))
    again = shuffled(targets, seed=1)
    assert all((one[0] == other[0]).all() for one, other in zip(found, again, strict=True))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"learning_rate": 1e30}, r"diverged: the loss of step \d+ is nan. Take a lower learning_rate"),
        ({"learning_rate": 1e39, "steps": 1}, "its last step left weights that are no numbers. Take a lower"),
    ],
)
def test_training_that_diverges_ends_with_the_way_out(how: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        trained(tmp_path, hard_weight=1.0, **how)
