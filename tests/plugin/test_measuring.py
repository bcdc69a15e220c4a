"""Sessions that measure a version and decide nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import load_settings
from harness.errors import SettingsError
from harness.plugin.measuring import _with_weights, measure
from harness.records import Report
from harness.store import Store
from tests.models.adapters.adapters import write_adapter
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.repositories import commit_all

pytestmark = pytest.mark.service


def _shop(project: Project) -> str:
    """A project whose one version is right half of the time, and an evaluation that would look at it; its commit."""
    project.versions = {"only": {"engine": "scripted", "default": {"yes": 0.5, "no": 0.5}}}
    project.body('return model.ask(case.prompt) == "yes"', threshold=0.9)
    project.settings["notify"] = "http://127.0.0.1:9/hook"
    project.write(".gitignore", ".steelyard/\nreports/\n__pycache__/\n.pytest_cache/\n")
    project.configure()
    return commit_all(project.path)


def test_a_session_measures_a_commit_without_looking_at_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = _shop(project)
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path.parent / "cache"))
    store = project.path / ".steelyard" / "store.db"
    report = measure(f"git:{commit}", "", ["test_it.py", "--samples", "7", "--store", str(store)])
    assert isinstance(report, Report), report
    (verdict,) = report.evaluations
    assert (str(verdict.verdict), verdict.n_samples, report.candidate.commit) == ("passed", 21, commit)
    with Store.open(str(store), readonly=True) as opened:
        assert [*opened.looks.of_candidate(report.candidate.fingerprint)] == []
        (run,) = opened.runs()
        assert run.spec["candidate"]["first_index"] == 1_000_000
    assert not (project.path / "reports").exists()


def test_what_cannot_be_measured_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _shop(project)
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path.parent / "cache"))
    told = measure("git:mian", "", ["test_it.py"])
    assert isinstance(told, str)
    assert "no commit of this name is known here. Did you mean 'main'?" in told
    told = measure("only@x", "x", ["test_it.py"])
    assert told == "only can't have the weights of only@x: its engine scripted takes none."


def test_a_checkpoint_is_the_candidate_with_other_weights_or_another_adapter(tmp_path: Path) -> None:
    text = 'candidate = "m"\n[models.m]\nengine = "transformers"\nweights = "own"\nadapter = "first"\nsystem = "Hi"\n'
    (tmp_path / "steelyard.toml").write_text(text, encoding="utf-8")
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    settings = load_settings(tmp_path)
    version = _with_weights(settings, "step-2", "models:/m/2").version("step-2")
    assert (version.engine_options["weights"], version.system) == ("models:/m/2", "Hi")
    assert [each.kind for each in version.steps] == ["adapter"]
    tuned = _with_weights(settings, "step-3", str(tmp_path)).version("step-3")
    assert (tuned.engine_options["weights"], [each.version for each in tuned.steps]) == ("own", ["step-3"])
    assert settings.version("m").steps != tuned.steps
    (tmp_path / "steelyard.toml").write_text('[models.m]\nengine = "scripted"\ndefault = "yes"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="m can't have the weights of step-2: its engine scripted takes none"):
        _with_weights(load_settings(tmp_path), "step-2", "models:/m/2")


@pytest.mark.nightly
def test_checkpoints_answer_with_their_own_weights(project: Project) -> None:
    project.versions = {"m": {"engine": "transformers", "weights": "none", "sampling": {"max_tokens": 2}}}
    project.body("return len(model.ask(case.prompt)) > 0", cases=2)
    project.configure()
    first = write_tiny_llama(project.path / "checkpoint-1")
    prints = set()
    for name, weights in (("checkpoint-1", first), ("adapter-1", write_adapter(first, project.path / "adapter-1"))):
        project.versions["m"]["weights"] = str(first)
        project.configure()
        report = measure(name, str(weights), ["test_it.py", "--samples", "2"])
        assert isinstance(report, Report), report
        prints.add(report.candidate.fingerprint)
        assert report.candidate.name == name
    assert len(prints) == 2
