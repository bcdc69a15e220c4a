"""A student beside its teacher."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.config import Settings
from harness.errors import NotInLineageError, SettingsError, UsageError
from harness.models.version import is_built, load_version
from harness.stages.build_state import NOTE, BuildState
from harness.stages.building import built, version_named
from harness.stages.distillation.distillation import load_distillation, quality_of
from harness.stages.foundation.weights import load_weights
from harness.stages.lineage import StageContext
from harness.stages.training.texts import Lesson, read_texts, training_data
from suites.distillation import test_student as suite
from tests.config.settings_files import load
from tests.stages.distillation.conftest import STUDENT
from tests.stages.training.test_students import other_start

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]


def test_a_student_is_compared_with_its_teacher_and_with_what_it_was(settings: Settings, tmp_path: Path) -> None:
    version = load_version(built(settings, "student"), settings.root)
    found = load_distillation(version, StageContext(settings))
    try:
        divergence = asyncio.run(found.compare("The ships left."))
        start = asyncio.run(found.compare_start("The ships left."))
        weights, case = load_weights(version, StageContext(settings)), SimpleNamespace(text="The ships left. " * 6)
        with pytest.raises(ValueError, match=r"the teacher is no measure: \d\.\d\d nats a token, and chance has 5\.5"):
            asyncio.run(suite.test_perplexity(found, weights, case))
    finally:
        found.close()
    assert divergence.kl.value > 0
    assert 0 < divergence.js.value < divergence.kl.value
    assert 0 <= divergence.same_top <= 1
    assert start.log_likelihood != divergence.log_likelihood
    assert start.reference_log_likelihood == divergence.reference_log_likelihood
    assert found.other_tokens == ()
    assert found.same_template
    assert found.method == "soft_targets"
    assert set(found.ratios) == {"parameters", "flops"}
    assert 0 < found.ratios["parameters"] < 1
    assert 0 < found.ratios["flops"] < 1
    assert found.lessons[1] == Lesson("t1", "The 1 ships of 7 left harbour. " * 3)
    assert found.quality["valid"] == found.quality["distinct"] == 1.0
    assert 0 < (found.quality["diversity"] or 0) < 0.7, "each sentence is there three times"
    (tmp_path / "cases.jsonl").write_text(
        json.dumps({"id": "a", "prompt": "The 3 ships of 21 left harbour. The 3 ships of 21 left harbour."})
        + "\n"
        + json.dumps({"id": "b", "prompt": "Which of the many boats in the bay came home before the storm broke out?"}),
        "utf-8",
    )
    with pytest.raises(UsageError, match=r"No control named 'shufled'.*Did you mean 'shuffled'"):
        asyncio.run(found.compare_control("shufled", "The ships left."))
    offline = load_distillation(version, StageContext(settings, is_offline=True))
    with pytest.raises(SettingsError, match="control 'shuffled' of student is not trained here, and --offline"):
        asyncio.run(offline.compare_control("shuffled", "The ships left."))
    leaks = found.contamination("cases.jsonl")
    assert (leaks["a"].is_contaminated, leaks["b"].is_contaminated) == (True, False)


def test_other_files_of_a_student_are_found_out(settings: Settings) -> None:
    made = built(settings, "student")
    folder = Path(made.steps[0].artifact or "")
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    config["chat_template"] += " "
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    tokens = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = tokens["model"]["vocab"]
    vocabulary["x"], vocabulary["y"] = vocabulary["y"], vocabulary["x"]
    (folder / "tokenizer.json").write_text(json.dumps(tokens), "utf-8")
    found = load_distillation(load_version(made, settings.root), StageContext(settings))
    assert not found.same_template
    assert len(found.other_tokens) == 2
    assert "is 'x' to the teacher and 'y' to the student" in "".join(found.other_tokens)


def test_the_tokenizer_that_a_student_is_served_with_is_held_against_the_teachers(
    settings: Settings, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tmp_path / "teacher" / name, own / name)
    config = json.loads((own / "tokenizer_config.json").read_text("utf-8"))
    config["chat_template"] += " "
    (own / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    served = load(tmp_path, STUDENT.replace("[models.student.dis", 'tokenizer = "own"\n[models.student.dis'))
    with pytest.raises(UsageError, match="The chat templates of teacher and student differ"):
        built(served, "student")
    made = built(settings, "student")
    options = {**made.engine_options, "tokenizer": "own"}
    version = replace(load_version(made, tmp_path), settings=replace(made, engine_options=options))
    assert not load_distillation(version, StageContext(settings)).same_template


def test_a_student_that_was_trained_elsewhere_is_held_to_its_teacher_and_never_trained(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(built(settings, "student").engine_options["weights"], folder)
    table = '[models.NAME]\nbase = "BASE"\ndistilled = { teacher = "teacher", weights = "elsewhere"MORE }\n'
    bare = table.replace("NAME", "ready").replace('base = "BASE"', 'engine = "transformers"').replace("MORE", "")
    whole = table.replace("NAME", "told").replace("BASE", "teacher").replace("MORE", ', data = "texts.jsonl"')
    changed = load(tmp_path, STUDENT + bare + whole)
    told: list[BuildState] = []
    ready = load_version(built(changed, "ready", progress=told.append, offline=True), changed.root)
    assert told == []
    assert ready.settings.engine_options["weights"] == "elsewhere"
    based = load_version(built(changed, "told", offline=True), changed.root)
    assert ready.fingerprint == based.fingerprint != load_version(built(changed, "teacher"), changed.root).fingerprint
    alone, found = (load_distillation(each, StageContext(changed)) for each in (ready, based))
    try:
        own = load_distillation(load_version(built(settings, "student"), settings.root), StageContext(settings))
        near, start = (asyncio.run(each("The ships left.")) for each in (found.compare, found.compare_start))
        assert near.kl.value == asyncio.run(own.compare("The ships left.")).kl.value > 0
        assert start.kl.value == 0, "its base is the teacher"
        own.close()
        for lacking in (alone.compare_start("a"), found.compare_control("hard_labels", "a")):
            with pytest.raises(NotInLineageError):
                asyncio.run(lacking)
    finally:
        found.close()
    assert found.same_template
    assert found.ratios["parameters"] < 1
    assert found.method is None
    assert found.quality["valid"] == 1.0
    assert len(found.lessons) == 20
    with pytest.raises(NotInLineageError, match="ready has no lessons"):
        _ = alone.lessons
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match=r"\[models\.ready\] distilled: weights = 'elsewhere': there is no"):
        built(changed, "ready")


def test_what_was_not_distilled_or_not_built_has_none(settings: Settings) -> None:
    teacher = load_version(built(settings, "teacher"), settings.root)
    with pytest.raises(NotInLineageError, match="teacher has no distillation"):
        load_distillation(teacher, StageContext(settings))
    unbuilt = type(teacher)("student", settings.version("student"), "0" * 32)
    with pytest.raises(SettingsError, match="steelyard build student"):
        load_distillation(unbuilt, StageContext(settings))


def test_a_student_that_was_taught_by_answers_has_these_as_lessons(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text(
        "".join(json.dumps({"id": f"p{n}", "prompt": f"{n} ships?"}) + "\n" for n in range(4)), "utf-8"
    )
    text = STUDENT.replace('data = "texts.jsonl"', 'data = "prompts.jsonl"\nmethod = "sequence"')
    text = (
        text.replace('teacher = "teacher"', 'teacher = "wise"')
        .replace("{ layers = 2 }", '"teacher"')
        .replace("= 24", "= 60")
    )
    text += '[models.wise]\nengine = "scripted"\ndefault = "Aye, aye."\n[models.wise.answers]\n"3 ships?" = '
    text += f'"{"Aye, " * 9}"\n'
    changed = load(tmp_path, text)
    told: list[BuildState] = []
    version = built(changed, "student", progress=told.append)
    (note,) = [state.note for state in told if state.phase == NOTE]
    assert re.fullmatch(r"\[models\.student\] distilled: 1 of 4 answers are cut at length = 60; set length to .*", note)
    folder = Path(version.steps[0].artifact or "")
    rows = [json.loads(line) for line in (folder / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3"]
    assert {row["answer"] for row in rows[:3]} == {"Aye, aye."}
    assert built(changed, "student").steps == version.steps


def test_a_teacher_answers_prompts_alone_and_its_student_learns_what_it_expects_at_each_place_of_the_answers(
    settings: Settings, tmp_path: Path
) -> None:
    """Each prompt had to have an answer, although none was learned."""
    other_start(tmp_path / "start")
    rows = [{"id": f"p{n}", "prompt": f"{n} ships?"} for n in range(4)]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    text = STUDENT.replace('data = "texts.jsonl"', 'data = "prompts.jsonl"\nhard_weight = 0.0\ntemperature = 1.0')
    text = text.replace("{ layers = 2 }", '"start"').replace("steps = 2\n", "steps = 40\n").replace("= 24", "= 64")
    text = text.replace("0.001", "0.003")
    text = text.replace(
        'weights = "teacher"', 'weights = "teacher"\nsampling = { max_tokens = 99, temperature = 0.5, seed = 1 }'
    )
    with pytest.raises(UsageError, match=r'line 1 has a prompt and no answer.*"soft_targets" and hard_weight = 0\.'):
        built(load(tmp_path, text.replace("hard_weight = 0.0", "hard_weight = 0.1")), "student")
    told: list[BuildState] = []
    made = built(load(tmp_path, text), "student", progress=told.append)
    asked = {state.unit: state.total for state in told if state.phase == "asking the teacher"}
    assert asked == {"prompts": 4, "sequences": 4}
    student = load_distillation(load_version(made, tmp_path), StageContext(load(tmp_path, text)))
    try:
        assert [lesson.id for lesson in student.lessons] == ["p0", "p1", "p2", "p3"]
        assert student.prompts[1] == ({"role": "user", "content": "1 ships?"},)
        answer = student.lessons[0].answer
        after, before = (asyncio.run(each(answer)).kl.value for each in (student.compare, student.compare_start))
    finally:
        student.close()
    assert after < 0.9 * before
    warmer = load(tmp_path, text.replace("temperature = 0.5", "temperature = 0.6"))
    assert not is_built(version_named(warmer, "student")), "answers of another temperature are other lessons"


def asked(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize(
    ("rows", "distinct", "diversity"),
    [
        ([{"prompt": f"Is {n} even?", "answer": "no" if n % 2 else "yes"} for n in range(50)], 1.0, None),
        ([{"prompt": "Is 1 even?", "answer": "no"}] * 50, 0.02, None),
        ([{"prompt": f"{n}?", "answer": each} for n, each in enumerate(("今天天气", "今天天气很好"))], 1.0, 3 / 4),
        (
            [
                {
                    "messages": [
                        *asked(f"And {n}?", "It is as it was before.") * 3,
                        *asked("Which?", f"{n} of our ships"),
                    ]
                }
                for n in range(50)
            ],
            1.0,
            (3 + 50) / (3 * 3 * 50 + 50),
        ),
    ],
    ids=["labels", "one lesson", "chinese", "chats"],
)
def test_lessons_are_told_apart_by_prompt_and_answer_and_diverse_in_all_that_is_learned(
    rows: list[dict[str, object]], distinct: float, diversity: float | None, tmp_path: Path
) -> None:
    """Labels of fifty questions were duplicates, and of a chat the last answer alone counted."""
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    data = training_data(Settings(root=tmp_path), "lessons.jsonl")
    assert quality_of([*read_texts(data)]) == {"valid": 1.0, "distinct": distinct, "diversity": diversity}
