"""A student is trained from its teacher, once for each recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.artifacts import Artifact
from harness.errors import SettingsError, UsageError
from harness.models.spec import engine_spec
from harness.models.version import is_built, load_version
from harness.stages.build_state import NOTE, BuildState
from harness.stages.building import built, version_named
from harness.stages.distillation.student_recipe import check_step, sources_of
from tests.config.settings_files import load
from tests.stages.distillation.conftest import STUDENT, write_project
from tests.stages.killing import kill_while_training

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]
ROOT = Path(__file__).parents[3]
TEXT = STUDENT.replace("steps = 2", "steps = 6")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a teacher and texts; the student that a test has trained is there for those after it."""
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    return folder


@pytest.fixture
def settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STEELYARD_CACHE", str(project / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return load(project, TEXT)


def test_a_student_is_trained_once_and_has_the_layers_that_were_asked_for(settings: Settings) -> None:
    told: list[BuildState] = []
    assert not is_built(version_named(settings, "student"))
    with pytest.raises(SettingsError, match="student is not built here: `steelyard build student`"):
        load_version(settings.version("student"), settings.root)
    student = built(settings, "student", progress=told.append)
    folder = Path(student.engine_options["weights"])
    assert json.loads((folder / "config.json").read_text("utf-8"))["num_hidden_layers"] == 2
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".json") == ["model.safetensors"]
    phases = list(dict.fromkeys(state.phase for state in told))
    assert phases == ["starting", "reading", "asking the teacher", NOTE, "training", "done"]
    last = [state for state in told if state.phase == "training"][-1]
    assert (last.done, last.total, last.unit) == (6, 6, "steps")
    assert "loss" in last.note
    assert "tokens/s" in last.note
    assert built(settings, "student", offline=True) == student == version_named(settings, "student")
    assert (
        load_version(student, settings.root).fingerprint
        != load_version(built(settings, "teacher"), settings.root).fingerprint
    )


def test_a_second_student_costs_no_teacher_and_the_same_seed_gives_the_same(
    settings: Settings, project: Path, tmp_path: Path
) -> None:
    first = built(settings, "student").steps[0]
    again = load(project, TEXT + "hard_weight = 0.5\n")
    told: list[BuildState] = []
    other = built(again, "student", progress=told.append).steps[0]
    assert "asking the teacher" not in {state.phase for state in told}
    assert other.artifact != first.artifact
    (path,) = (project / "cache" / "distilled").glob(f"{Path(first.artifact or '').name}")
    path.rename(tmp_path / "moved")
    assert built(settings, "student").steps[0].artifact == first.artifact


def test_sixteen_bits_give_another_student_close_by(settings: Settings, project: Path) -> None:
    """Only what is multiplied is rounded: the weights are 32 bits either way, and move alike."""
    from safetensors.torch import load_file

    short = load(project, TEXT + 'precision = "bfloat16"\n')
    whole, rounded = (
        load_file(Path(built(each, "student").engine_options["weights"]) / "model.safetensors")
        for each in (settings, short)
    )
    apart = {name: (whole[name].float() - rounded[name].float()).abs().max().item() for name in whole}
    assert 0 < max(apart.values()) < 6 * 0.001, "what six steps of this rate can move a weight by"
    assert whole.keys() == rounded.keys()
    assert {each.dtype for each in whole.values()} == {each.dtype for each in rounded.values()}


@pytest.mark.nightly
def test_training_that_is_killed_goes_on_and_comes_to_the_same(
    settings: Settings, project: Path, tmp_path: Path
) -> None:
    whole = built(settings, "student").steps[0]
    Path(whole.artifact or "").rename(tmp_path / "moved")
    kill_while_training(project, "student", 3, Path(f"{whole.artifact}.draft"))
    told: list[BuildState] = []
    again = built(settings, "student", progress=told.append).steps[0]
    assert min(state.done for state in told if state.phase == "training") > 1
    assert again.artifact == whole.artifact


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("student = { layers = 2 }", ""), "needs student"),
        (('data = "texts.jsonl"', 'data = "none.jsonl"'), r"neither a corpus .* nor a file: there is no .*none\.jsonl"),
        (
            ('teacher = "teacher"', 'teacher = "techer"'),
            r"\[models\.student\] distilled: .*Did you mean 'teacher'",
        ),
        (("length = 24", "length = 9000"), "length = 9000, and the weights take 512 tokens at most"),
    ],
)
def test_what_can_not_be_trained_is_said_first(
    settings: Settings, project: Path, change: tuple[str, str], message: str
) -> None:
    broken = load(project, TEXT.replace(*change))
    with pytest.raises(UsageError, match=message):
        built(broken, "student")


def test_a_teacher_whose_engine_is_not_here_is_refused_before_anything_is_built(
    settings: Settings, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "asked.jsonl").write_text('{"prompt": "Where?"}\n', "utf-8")
    text = TEXT.replace('engine = "transformers"', 'engine = "vllm"', 1).replace("texts.jsonl", "asked.jsonl")
    broken = load(project, text + 'method = "sequence"\n')
    step, told = broken.version("student").steps[0], list[BuildState]()
    lacking = replace(engine_spec("vllm"), packages=("no_such_package",))
    monkeypatch.setattr("harness.stages.distillation.student_recipe.engine_spec", lambda _: lacking)
    with pytest.raises(SettingsError, match="Version 'teacher' has the engine 'vllm', which needs no_such_package"):
        check_step(broken, broken.version("student"), step, told.append)


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ('base = "teacher"\ndrop_layers = [1]', {"weights": "teacher", "drop_layers": [1]}),
        ('engine = "transformers"\nweights = "teacher"', {"weights": "teacher"}),
    ],
)
def test_a_student_started_from_what_its_own_table_gives_it(
    settings: Settings, project: Path, given: str, start: dict[str, object]
) -> None:
    """Not from its base as a whole, and not from what it was trained to."""
    text = TEXT.replace("student = { layers = 2 }\n", "").replace(
        '[models.student]\nengine = "transformers"', f"[models.student]\n{given}"
    )
    changed = load(project, text)
    version = changed.version("student")
    (step,) = version.steps
    made = replace(step, artifact=Artifact(Path("trained"), "0" * 32))
    trained = replace(version, engine_options={"weights": "trained"}, steps=(made,))
    assert sources_of(changed, trained, made)[0] == start
