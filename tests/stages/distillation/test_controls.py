"""A control is made by the recipe of its student, with the one change that it is named after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import NotInLineageError
from harness.stages.build_state import BuildState, unseen
from harness.stages.building import built
from harness.stages.distillation.answers import ANSWERS
from harness.stages.distillation.distillation import control_weights
from tests.config.settings_files import load
from tests.libraries import needed
from tests.stages.distillation.conftest import STUDENT

needed("torch")

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]
SCRIPTED = """
[models.wise]
engine = "scripted"
answers = { "0 ships?" = "None.", "1 ships?" = "One.", "2 ships?" = "Two.", "3 ships?" = "Three." }
"""
PROMPTS = [{"id": f"p{n}", "prompt": f"{n} ships?"} for n in range(4)]
ANSWERED = [{**each, "answer": f"I count {n}."} for n, each in enumerate(PROMPTS)]


def project(folder: Path, rows: Sequence[Mapping[str, Any]], how: str, teacher: str = "teacher") -> Settings:
    """One whose student is taught on some lines, in a way that its settings say."""
    (folder / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    text = STUDENT.replace('data = "texts.jsonl"', f'data = "lines.jsonl"\n{how}').replace("= 24", "= 60")
    text = text.replace("{ layers = 2 }", '"teacher"').replace('teacher = "teacher"', f'teacher = "{teacher}"')
    return load(folder, text + SCRIPTED)


def answers_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / ANSWERS).read_text("utf-8").splitlines()]


@pytest.mark.usefixtures("settings")
def test_a_shuffled_teacher_gives_each_of_its_answers_to_another_prompt(tmp_path: Path) -> None:
    changed = project(tmp_path, PROMPTS, 'method = "sequence"', teacher="wise")
    student = built(changed, "student")
    control = Path(control_weights(changed, student, student.steps[0], "shuffled", unseen)["weights"])
    own, dealt = answers_in(Path(student.steps[0].artifact or "")), answers_in(control)
    assert [row["prompt"] for row in dealt] == [row["prompt"] for row in own]
    assert sorted(row["answer"] for row in dealt) == sorted(row["answer"] for row in own)
    assert all(one["answer"] != other["answer"] for one, other in zip(own, dealt, strict=True))
    again = control_weights(changed, student, student.steps[0], "shuffled", None)
    assert Path(again["weights"]) == control, "it is found"
    as_version = built(project(tmp_path, PROMPTS, 'method = "sequence"\nshuffled = true', teacher="wise"), "student")
    assert Path(as_version.engine_options["weights"]) == control, "it is the version of that one setting"


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
def test_hard_labels_are_the_answers_of_the_data_at_their_full_length_and_no_teachers(
    tmp_path: Path,
) -> None:
    changed = project(tmp_path, ANSWERED, 'method = "sequence"')
    student = built(changed, "student")
    told: list[BuildState] = []
    control = Path(control_weights(changed, student, student.steps[0], "hard_labels", told.append)["weights"])
    assert "asking the teacher" not in {state.phase for state in told}
    labels = project(tmp_path, ANSWERED, "hard_weight = 1.0")
    expected = Path(built(labels, "student").engine_options["weights"])
    assert (control / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    assert not (control / ANSWERS).exists()


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("how", ['method = "sequence"', "hard_weight = 0.0"])
def test_where_prompts_have_no_answer_there_is_no_control_by_hard_labels_which_is_said(
    how: str, tmp_path: Path
) -> None:
    changed = project(tmp_path, [*ANSWERED, *PROMPTS], how)
    version = changed.version("student")
    with pytest.raises(NotInLineageError) as refused:
        control_weights(changed, version, version.steps[0], "hard_labels", None)
    assert refused.value.advice == (
        "student has no control 'hard_labels', because prompts of its data have no answer: give it an \"answer\" on "
        "each line"
    )
