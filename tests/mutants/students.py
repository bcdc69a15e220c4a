"""Students with one fault each, of a tiny teacher: their data, settings or weights are wrong, and suites/distillation
weighs them. The teacher is taught on the passages of the lessons, and a student starts as the teacher without a layer.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from harness.models.files.content_hash import file_hash
from harness.stages.training.texts import TrainingData
from tests.bench.students import BATCH, LAYERS, LENGTH, RATE, new_model, new_teacher, teach
from tests.mutants.gates import ROOT, toml, weigh
from tests.mutants.mutant import Mutant, Outcome, Weighed

SOUND = "sound"
SUITE = "suites/distillation"
MODULES = ("test_student", "test_form", "test_lessons", "test_controls")
TASKS = ("test_beside_teacher",)
_TAUGHT, _STEPS = 300, 60
_ONE_AT_A_TIME = Lock()
"""transformers loads weights in one thread of a process at a time."""
_CASES = 24
"""Of each task, and texts: enough for a fault that shows in each."""
_SAME_WEIGHTS: Mapping[str, Any] = {"steps": 1, "learning_rate": 1e-9}
_ANSWERS: Mapping[str, Any] = {
    "method": "sequence",
    "data": "prompts.jsonl",
    "temperature": 0.7,
    "length": 128,
    **_SAME_WEIGHTS,
}
"""A student of answers, which may have other tokens than its teacher; one of soft targets is refused."""


def _weights(name: str, **others: Any) -> dict[str, Any]:
    return {"student": {"weights": name}, **_SAME_WEIGHTS, **others}


MUTANTS = (
    Mutant("untaught", "training changes nothing", "test_retained", _SAME_WEIGHTS),
    Mutant(
        "diverged",
        "the learning rate is hundreds of times too high",
        "test_nearer_than_the_start",
        {"learning_rate": 0.3},
    ),
    Mutant("only-texts", "the teacher is not asked", "test_nearer_than_hard_labels", {"hard_weight": 1.0}),
    Mutant(
        "teacher-elsewhere",
        "what the teacher says is of other places",
        "test_nearer_than_a_shuffled_teacher",
        {"shuffled": True},
    ),
    Mutant("too-sure", "logits are three times what they should be", "test_divergence", _weights("too-sure")),
    Mutant("too-unsure", "logits are a third of what they should be", "test_divergence_back", _weights("too-unsure")),
    Mutant("blank", "the student knows nothing", "test_jensen_shannon", _weights("blank")),
    Mutant("one-layer", "three layers of four are gone", "test_agreement", _weights("one-layer")),
    Mutant(
        "noise",
        "the student learns letters in no order",
        "test_perplexity",
        {"data": "noise.jsonl", "hard_weight": 1.0, "learning_rate": RATE},
    ),
    Mutant(
        "tokens-exchanged",
        "two tokens have changed places",
        "test_form",
        _weights("tokens-exchanged", **_ANSWERS),
    ),
    Mutant("other-template", "the chat template is another", "test_form", _weights("other-template", **_ANSWERS)),
    Mutant("larger", "the student has two layers more than its teacher", "test_costs", _weights("larger")),
    Mutant(
        "lessons-twice",
        "each lesson is there twice",
        "test_quality[distinct]",
        {"data": "twice.jsonl", **_SAME_WEIGHTS},
    ),
    Mutant("answers-unended", "answers end where their tokens do", "test_quality[valid]", {**_ANSWERS, "length": 96}),
    Mutant("case-taught", "a case is among the lessons", "test_contamination", {"data": "case.jsonl", **_SAME_WEIGHTS}),
    Mutant("teacher-ignorant", "the teacher answers wrongly", "test_teacher_passes", _ANSWERS),
    Mutant(
        "task-unlearned",
        "the student can't do what its teacher can",
        "test_as_good_as_the_teacher[arithmetic]",
        {**_ANSWERS, "teacher": "expert"},
        modules=TASKS,
    ),
    Mutant(
        "facts-unlearned",
        "the student does not know what its teacher knows",
        "test_as_good_as_the_teacher_at_facts",
        {**_ANSWERS, "teacher": "scholar"},
        modules=TASKS,
    ),
)


def new_project(folder: Path, seed: str, mutants: Sequence[Mutant] = (), taught: int = _TAUGHT) -> Path:
    """A project with a teacher of its own, the sound student, and a version for each mutant.

    Args:
        taught: steps of the teacher.
    """
    for stage in ("distillation", "foundation"):
        shutil.copytree(ROOT / "evals" / stage, folder / "evals" / stage)
    prose, facts = (folder / "evals" / "foundation" / name / "documents.jsonl" for name in ("prose", "facts"))
    for path in (prose, facts, *folder.glob("evals/foundation/*/cases.jsonl")):
        some = path.read_text("utf-8").splitlines(keepends=True)[:_CASES]
        path.write_text("".join(some), "utf-8")
    (folder / SUITE).mkdir(parents=True)
    for module in (*MODULES, *TASKS):
        shutil.copy(ROOT / SUITE / f"{module}.py", folder / SUITE)
    number = zlib.crc32(seed.encode())
    with _ONE_AT_A_TIME:
        _, _, data = new_teacher(folder, number, taught)
        _write_texts(folder, data.path.read_text("utf-8").splitlines())
        if mutants:
            _write_weights(folder, number, taught)
    versions = {SOUND: {}} | {each.name: dict(each.settings) for each in mutants if each.patch is None}
    tables = "".join(map(_table, versions, versions.values()))
    (folder / "steelyard.toml").write_text(_PLAIN + tables, "utf-8")
    return folder


def _write_weights(folder: Path, seed: int, taught: int) -> None:
    """Those that a mutant starts from, each the teacher's with one change, or new; and a teacher that knows facts."""
    from safetensors.numpy import load_file, save_file

    from harness.models.weights.layers import drop_layers

    facts = folder / "facts.jsonl"
    data = TrainingData("facts", facts, file_hash(facts), is_corpus=False)
    teach(folder / "blank", folder / "scholar", data, seed, taught)
    new_model(folder / "larger", seed + 1, layers=LAYERS + 2)
    (folder / "one-layer").mkdir()
    drop_layers(folder / "teacher", folder / "one-layer", [1, 2, 3])
    for name, factor in (("too-sure", 3.0), ("too-unsure", 1 / 3)):
        shutil.copytree(folder / "teacher", folder / name)
        tensors = load_file(folder / name / "model.safetensors")
        tensors["model.norm.weight"] = tensors["model.norm.weight"] * factor
        save_file(tensors, folder / name / "model.safetensors", metadata={"format": "pt"})
    for name, path, old, new in (
        ("tokens-exchanged", "tokenizer.json", ('"q":', '"z":'), ('"z":', '"q":')),
        ("other-template", "tokenizer_config.json", ("'content'] }}",), ("'content'] }}.",)),
    ):
        shutil.copytree(folder / "teacher", folder / name)
        _exchange(folder / name / path, old, new)


def _exchange(path: Path, old: Sequence[str], new: Sequence[str]) -> None:
    """Change texts of a file at once, each of which must be there."""
    text = path.read_text("utf-8")
    assert all(each in text for each in old), path
    for place, each in enumerate(old):
        text = text.replace(each, f"\0{place}")
    for place, each in enumerate(new):
        text = text.replace(f"\0{place}", each)
    path.write_text(text, "utf-8")


def _write_texts(folder: Path, lines: Sequence[str]) -> None:
    """What mutants are taught on, and what the expert answers."""
    arithmetic = _rows(folder / "evals" / "foundation" / "arithmetic" / "cases.jsonl")
    asked = _rows(folder / "evals" / "distillation" / "prompts" / "cases.jsonl")
    texts = [json.loads(line)["text"] for line in lines]
    prose, facts = (_rows(folder / "evals" / "foundation" / name / "documents.jsonl") for name in ("prose", "facts"))
    for name, rows in {
        "twice": [{"id": f"{place}-{time}", "text": text} for time in range(2) for place, text in enumerate(texts)],
        "noise": [{"id": str(place), "text": "".join(sorted(text))} for place, text in enumerate(texts)],
        "case": [*map(json.loads, lines), {"id": "case", "text": prose[0]["text"]}],
        "facts": [{"id": each["id"], "text": _fact(each)} for each in facts],
        "prompts": [{"id": each["id"], "prompt": each["prompt"]} for each in asked],
    }.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    answers = {each["prompt"]: str(each["expected"]) for each in arithmetic}
    (folder / "expert.json").write_text(json.dumps(answers), "utf-8")


def _fact(row: Mapping[str, Any]) -> str:
    return f"Question: {row['question']}\nAnswer: {row['choices'][row['answer']]}"


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


_PLAIN = """
[models.teacher]
engine = "transformers"
weights = "teacher"
sampling = { temperature = 0.7, max_tokens = 16 }

[models.scholar]
base = "teacher"
weights = "scholar"

[models.expert]
engine = "scripted"
answers = "expert.json"
default = "nothing"

"""
_SOUND: Mapping[str, Any] = {
    "teacher": "teacher",
    "data": "prose.jsonl",
    "student": {"weights": "start"},
    "steps": _STEPS,
    "batch": BATCH,
    "length": LENGTH,
    "learning_rate": RATE / 3,
}


def _table(name: str, settings: Mapping[str, Any]) -> str:
    given = ", ".join(f"{key} = {toml(value)}" for key, value in (_SOUND | settings).items())
    return (
        f'[models.{name}]\nengine = "transformers"\nsampling = {{ temperature = 0.7, max_tokens = 16 }}\n'
        f"distilled = {{ {given} }}\n\n"
    )


def try_mutant(folder: Path, mutant: Mutant) -> Outcome:
    """Weigh a mutant alone: the evaluations say what they ask of any student."""
    return Outcome(mutant, weigh(folder, mutant.modules or MODULES, mutant.name, "none", suite=SUITE))


def try_sound(folder: Path) -> Weighed:
    """Weigh the student without a fault, alone."""
    return weigh(folder, (*MODULES, *TASKS), SOUND, "none", suite=SUITE)


def try_same(folder: Path, seed: int) -> Weighed:
    """Weigh a student of another teacher against itself."""
    weighed = weigh(new_project(folder, f"same-{seed}"), MODULES, SOUND, SOUND, suite=SUITE)
    shutil.rmtree(folder)
    return weighed
