"""Hybrids: which steps two versions differ in, and a version with some steps of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.artifacts import Unbuilt
from harness.errors import SettingsError
from harness.stages.hybrids import differing, with_hybrid
from tests.config.settings_files import load

VERSIONS = """
[corpora.clean]
documents = "web.jsonl"
[corpora.cleaner]
documents = "web.jsonl"
steps = ["exact"]
[models.start]
engine = "transformers"
weights = "weights"
[models.released]
base = "start"
system = "Be careful."
sampling = { temperature = 0.7 }
distilled = { teacher = "start", data = "clean", steps = 20 }
adapter = { data = "a.jsonl", rank = 4 }
retrieval = { passages = "p.jsonl", k = 3 }
[models.candidate]
base = "start"
template = "Q: {prompt}"
sampling = { temperature = 0.8 }
quantized = "int8"
distilled = { teacher = "start", data = "cleaner", steps = 40 }
adapter = { data = "b.jsonl", rank = 8 }
retrieval = { passages = "p.jsonl", k = 4 }
context = { tokens = 64 }
[models.tuned]
base = "candidate"
adapter = { folder = "ready" }
[models.served]
engine = "openai"
base_url = "http://127.0.0.1:1/v1"
model = "m"
system = "Be careful."
[models.made]
engine = "transformers"
distilled = { teacher = "start", data = "clean", student = { layers = 2 } }
[models.folder]
base = "start"
adapter = { folder = "ready" }
[models.other-folder]
engine = "transformers"
weights = "others"
system = "Be quick."
adapter = { folder = "other" }
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path, VERSIONS)


def units(settings: Settings, candidate: str, baseline: str) -> list[str]:
    return ["+".join(unit) for unit in differing(settings.version(candidate), settings.version(baseline))]


def test_each_step_in_which_two_versions_differ_is_swapped_by_itself(settings: Settings) -> None:
    steps = ["corpus", "student", "data", "adapter", "quantization", "prompt", "retrieval", "context", "sampling"]
    assert steps == units(settings, "candidate", "released")
    assert units(settings, "released", "released") == []


@pytest.mark.parametrize(
    ("candidate", "baseline", "expected"),
    [
        ("served", "start", ["weights+engine", "prompt"]),
        ("made", "start", ["weights+corpus+student"]),
        ("folder", "start", ["data+adapter"]),
        ("other-folder", "folder", ["weights+adapter", "prompt"]),
    ],
)
def test_steps_that_fit_each_other_alone_are_swapped_together(
    settings: Settings, candidate: str, baseline: str, expected: list[str]
) -> None:
    assert expected == units(settings, candidate, baseline)


def test_a_hybrid_has_these_steps_of_the_other_version_and_all_else_of_its_base(settings: Settings) -> None:
    name = "released+corpus+adapter+prompt@candidate"
    made = with_hybrid(settings, name).version(name)
    base, other = settings.version("released"), settings.version("candidate")
    student, adapter, retrieval = (step.settings for step in made.steps)
    assert (made.system, made.template, made.sampling) == (None, "Q: {prompt}", {"temperature": 0.7})
    assert (replace(base.steps[0].settings, data="cleaner"), base.steps[2].settings) == (student, retrieval)
    assert replace(other.steps[1].settings, data="a.jsonl") == adapter
    assert "quantized" not in made.engine_options


def test_a_hybrid_with_every_step_of_another_is_that_version(settings: Settings) -> None:
    for base, other in (("released", "candidate"), ("start", "made"), ("start", "served")):
        steps = "+".join(units(settings, other, base))
        name = f"{base}+{steps}@{other}"
        made, whole = with_hybrid(settings, name).version(name), settings.version(other)
        options = dict(made.engine_options)
        if isinstance(options.get("weights"), Unbuilt):
            options["weights"] = Unbuilt(other)
        assert replace(whole, base=made.base, name=name) == replace(made, engine_options=options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("start+student@made", r"'student' can't be swapped so. start and made differ in weights\+corpus\+student."),
        ("released+promt@candidate", "'promt' can't be swapped so."),
        ("released+prompt@candidat", "No version named 'candidat'"),
        ("clean+corpus@released", "'clean' is a corpus"),
    ],
)
def test_what_can_be_no_hybrid_is_refused(settings: Settings, name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        with_hybrid(settings, name).version(name)


def test_an_adapter_before_a_student_is_not_taken_apart(tmp_path: Path) -> None:
    chain = '[models.late]\nbase = "folder"\ndistilled = { teacher = "start", data = "clean" }\n'
    settings = load(tmp_path, VERSIONS + chain)
    with pytest.raises(SettingsError, match="adapter before it is distilled"):
        units(settings, "late", "start")
