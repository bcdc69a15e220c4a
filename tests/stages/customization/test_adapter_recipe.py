"""The adapter of a version is trained once, or taken as it is where it fits."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import UsageError
from harness.models.engine_creation import engine_key
from harness.models.version import load_version
from harness.models.weights.weights import materialize
from harness.stages.build_state import BuildState
from harness.stages.building import built, version_named
from tests.config.settings_files import load
from tests.models.adapters.adapters import change_config, write_adapter
from tests.models.conftest import write_tiny_llama
from tests.stages.killing import kill_while_training

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]
TRAINED = 'data = "d.jsonl", rank = 4, steps = 3, batch = 4, length = 128, learning_rate = 0.005'
TEXT = f"""
[models.plain]
engine = "transformers"
weights = "weights"
[models.ready]
base = "plain"
adapter = "adapter"
[models.merged]
base = "plain"
adapter = {{ folder = "adapter", merge = true }}
[models.twice]
base = "ready"
adapter = {{ folder = "adapter" }}
[models.int8]
base = "ready"
quantized = "int8"
[models.trained]
base = "plain"
adapter = {{ {TRAINED} }}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_adapter(write_tiny_llama(folder / "weights"), folder / "adapter")
    lines = [{"prompt": f"Where is {number}?", "answer": f"In box {number * 7}."} for number in range(12)]
    (folder / "d.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return folder


@pytest.fixture
def settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STEELYARD_CACHE", str(project / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return load(project, TEXT)


def test_a_ready_adapter_lies_beside_the_weights_and_identifies_the_version(settings: Settings, project: Path) -> None:
    ready = built(settings, "ready")
    assert ready == version_named(settings, "ready") == built(settings, "ready", offline=True)
    assert ready.engine_options["adapter"].path == project / "adapter"
    plain, own = (load_version(built(settings, name), project) for name in ("plain", "ready"))
    assert own.fingerprint != plain.fingerprint
    assert engine_key(own) != engine_key(plain), "an engine serves one adapter, and computes otherwise with it"


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_what_needs_weights_alone_has_the_adapter_added_into_them(settings: Settings, project: Path) -> None:
    merged, twice, rounded = (built(settings, name).engine_options for name in ("merged", "twice", "int8"))
    folder = rounded["merged"][0]
    assert folder.path == project / "adapter"
    assert merged == {"weights": "weights", "merged": [folder]}
    assert twice == {"weights": "weights", "merged": [folder], "adapter": folder}
    assert rounded == {"weights": "weights", "merged": [folder], "quantized": "int8"}
    config = json.loads((materialize(rounded, project) / "config.json").read_text("utf-8"))
    assert "quantization_config" in config
    names = ("plain", "ready", "merged", "twice", "int8")
    assert len({load_version(built(settings, name), project).fingerprint for name in names}) == len(names)


def test_an_adapter_is_trained_once(settings: Settings, project: Path) -> None:
    told: list[BuildState] = []
    trained = built(settings, "trained", progress=told.append)
    assert list(dict.fromkeys(state.phase for state in told)) == ["starting", "reading", "training", "done"]
    assert [state.done for state in told if state.phase == "training"] == [1, 2, 3]
    assert built(settings, "trained", offline=True) == trained
    folder = Path(trained.engine_options["adapter"])
    assert sorted(path.name for path in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    again = load(project, TEXT.replace("length = 128", "length = 128, merge = true"))
    assert built(again, "trained", offline=True).engine_options["merged"] == [trained.engine_options["adapter"]], (
        "nothing is trained again"
    )
    other = load(project, TEXT + f'[models.other]\nbase = "merged"\nadapter = "{folder}"\n')
    with pytest.raises(
        UsageError, match=r"\[models\.other\] adapter: .*made for other weights than 'weights' of other"
    ):
        built(other, "other")


@pytest.mark.nightly
def test_training_that_is_killed_goes_on_and_comes_to_the_same(settings: Settings, project: Path) -> None:
    """By SIGKILL in the middle; the matrices are the same, bit by bit."""
    longer = load(project, TEXT.replace("steps = 3", "steps = 8"))
    whole = built(longer, "trained").steps[0]
    folder = Path(whole.artifact or "")
    uninterrupted = (folder / "adapter_model.safetensors").read_bytes()
    shutil.rmtree(folder)
    kill_while_training(project, "trained", 5, Path(f"{folder}.draft"))
    told: list[BuildState] = []
    again = built(longer, "trained", progress=told.append).steps[0]
    steps = [state.done for state in told if state.phase == "training"]
    assert (steps[0] > 1, steps[-1]) == (True, 8)
    assert again == whole
    assert (folder / "adapter_model.safetensors").read_bytes() == uninterrupted


def test_a_chat_is_taught_by_the_tokenizer_that_the_version_has(settings: Settings, project: Path) -> None:
    other = project / "other"
    other.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(project / "weights" / name, other / name)
    config = json.loads((other / "tokenizer_config.json").read_text("utf-8"))
    template = "{{ messages | length }}" + config["chat_template"]
    (other / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}), "utf-8")
    with pytest.raises(UsageError, match="The chat template writes a prompt otherwise once it is answered"):
        built(load(project, TEXT.replace('weights = "weights"', 'weights = "weights"\ntokenizer = "other"')), "trained")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (TRAINED.replace("d.jsonl", "e.jsonl"), "data = 'e.jsonl' holds no text"),
        (TRAINED.replace("d.jsonl", "none.jsonl"), "neither a corpus .* nor a file"),
    ],
)
def test_what_can_not_be_trained_is_said_first(settings: Settings, project: Path, changed: str, message: str) -> None:
    (project / "e.jsonl").write_text("", "utf-8")
    told: list[BuildState] = []
    with pytest.raises(UsageError, match=message):
        built(load(project, TEXT.replace(TRAINED, changed)), "trained", progress=told.append)
    assert "training" not in {state.phase for state in told}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ('adapter = "none"', r"adapter: folder = 'none': there is no folder"),
        ('adapter = "weights"', r"There is no .*adapter_config\.json"),
        ('adapter = "adapter"\ndrop_layers = 1', "made for other weights than .* which they have not"),
        ('adapter = "adapter"\nengine = "scripted"\ndefault = "A"', "puts no adapter on weights"),
    ],
)
def test_a_ready_adapter_that_does_not_fit_is_refused_before_anything_starts(
    settings: Settings, project: Path, changes: str, message: str
) -> None:
    base = "" if "scripted" in changes else 'base = "plain"\n'
    with pytest.raises(UsageError, match=message):
        built(load(project, f"{TEXT}[models.other]\n{base}{changes}\n"), "other")


def test_what_vllm_can_not_serve_beside_the_weights_it_is_told_to_merge(
    settings: Settings, project: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vllm is not installed")
    folder = change_config(write_adapter(project / "weights", tmp_path / "dora"), use_dora=True)
    text = f'{TEXT}[models.v]\nengine = "vllm"\nweights = "weights"\nadapter = "{folder}"\n'
    with pytest.raises(UsageError, match=r"use_dora = True, which vLLM can't serve .*merge = true"):
        built(load(project, text), "v")
