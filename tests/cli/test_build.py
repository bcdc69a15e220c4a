"""`steelyard build`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.data.conftest import cache, corpora
from tests.models.adapters.adapters import change_config, write_adapter
from tests.models.conftest import write_tiny_llama
from tests.stages.distillation.conftest import STUDENT

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]

__all__ = ["cache", "corpora"]


def test_a_version_is_built_once(corpora: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(corpora / "own"))
    first, again = (json.loads(run("build", "clean", "--json").stdout) for _ in range(2))
    assert (first["version"], first["built"], again["built"]) == ("clean", True, False)
    assert first["fingerprint"] == again["fingerprint"]
    assert run("build", "clean").stdout == f"clean: nothing is left to build, fingerprint {first['fingerprint'][:12]}\n"
    assert run("models", "clean", "--json").stdout.count(first["fingerprint"]) == 1


def test_a_model_has_nothing_to_build(corpora: Path, run: Run) -> None:
    assert run("build", "small").stdout.startswith("small: nothing is left to build, fingerprint ")


def test_a_student_without_a_base_is_built_and_told_of_before_and_after(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(folder / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_tiny_llama(folder / "teacher")
    line = json.dumps({"text": "The ships left harbour. " * 9}) + "\n"
    (folder / "texts.jsonl").write_text(line * 4, encoding="utf-8")
    (folder / "steelyard.toml").write_text(STUDENT, encoding="utf-8")
    (listed,) = json.loads(run("models", "student", "--json").stdout)
    assert (listed["state"], listed["problem"], listed["fingerprint"]) == ("to be built", None, None)
    before = json.loads(run("describe", "student", "--json").stdout)
    assert (before["fingerprint"], before["lineage"][0]["made"]) == (None, "student, distilled")
    made = json.loads(run("build", "student", "--json").stdout)
    assert made["built"]
    (listed,) = json.loads(run("models", "student", "--json").stdout)
    after = json.loads(run("describe", "student", "--json").stdout)
    assert made["fingerprint"] == listed["fingerprint"] == after["fingerprint"]
    assert after["n_layers"] == 2
    assert run("tokens", "student", "ab").exit_code == 0
    assert after["lineage"][0]["of"] == before["lineage"][0]["of"]


@pytest.mark.nightly
def test_an_adapter_for_other_weights_of_the_same_shapes_is_told(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    monkeypatch.setenv("STEELYARD_CACHE", str(folder / "cache"))
    change_config(
        write_adapter(write_tiny_llama(folder / "weights"), folder / "adapter"),
        base_model_name_or_path="makers/another-base",
    )
    (folder / "steelyard.toml").write_text(
        '[models.tuned]\nengine = "transformers"\nweights = "weights"\nadapter = "adapter"\n', "utf-8"
    )
    said = run("build", "tuned").stdout
    assert said.startswith("tuned: nothing is left to build, "), "a ready one is built by nobody"
    assert "its adapter was made for makers/another-base, as it says" in said


def test_weights_with_an_adapter_added_are_written_before_a_gate_needs_them(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    monkeypatch.setenv("STEELYARD_CACHE", str(folder / "cache"))
    write_adapter(write_tiny_llama(folder / "weights"), folder / "adapter")
    (folder / "steelyard.toml").write_text(
        '[models.tuned]\nengine = "transformers"\nweights = "weights"\n'
        'adapter = { folder = "adapter", merge = true }\n',
        "utf-8",
    )
    first, again = (json.loads(run("build", "tuned", "--json").stdout)["built"] for _ in range(2))
    assert (first, again) == (True, False)
    assert len([*(folder / "cache" / "weights").glob("*/model.safetensors")]) == 1


def test_a_version_that_there_is_not_is_a_usage_error(corpora: Path, run: Run) -> None:
    result = run("build", "cleen")
    assert result.exit_code == 4
    assert "No version named 'cleen'. Versions: clean, raw, small. Did you mean 'clean'?" in result.stderr
