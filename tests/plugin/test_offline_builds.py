"""Stored samples of what was built decide a gate when nothing of what was built is left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.config import cache_dir
from harness.config.artifacts import get_or_build
from harness.config.settings import load_settings
from harness.models.weights.weights import folder_content
from harness.stages.distillation.student_recipe import KIND, StudentRecipe
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


def copy(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to, dirs_exist_ok=True)


def test_a_student_whose_weights_are_gone_is_decided_by_its_stored_answers(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The student lies in the cache as if it had been trained."""
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path / "cache"))
    write_tiny_llama(project.path / "weights")
    (project.path / "d.jsonl").write_text(json.dumps({"prompt": "a", "answer": "b"}) + "\n", encoding="utf-8")
    taught = {"teacher": "teacher", "data": "d.jsonl", "steps": 3}
    sampling = {"max_tokens": 2, "temperature": 0}
    project.versions = {
        "teacher": {"engine": "transformers", "weights": "weights", "sampling": sampling},
        "student": {"base": "teacher", "distilled": taught},
    }
    project.settings = {"samples": 1}
    project.configure()
    settings = load_settings(project.path)
    student = settings.version("student")
    recipe = StudentRecipe(settings, student, student.steps[-1], settings.version("teacher")).recipe
    own = write_tiny_llama(project.path / "own")
    get_or_build(KIND, recipe, lambda to: copy(own, to), digest=folder_content)
    project.body("return len(model.ask(case.prompt)) < 99", threshold=0.5, margin=0.3)

    asked = ("--candidate", "student", "--baseline", "none")
    assert project.run(*asked).ret in (0, 8)
    first = project.evaluation()
    shutil.rmtree(cache_dir())
    again = project.run(*asked, "--offline")
    assert again.ret in (0, 8)
    found = project.evaluation()
    assert (found["verdict"], found["candidate"]) == (first["verdict"], first["candidate"])
    assert project.report()["usage"]["model_calls"] == 0
    assert not (cache_dir() / KIND).exists()
    project.store.unlink()
    refused = project.run(*asked, "--offline")
    assert "student is not built here, and --offline builds nothing" in str(refused.errlines + refused.outlines)
