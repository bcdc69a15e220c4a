"""Two versions that are trained on two corpora are weighed by the ordinary gate, as the page on corpora has it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from random import Random

import pytest

from tests.corpora.grammar import article
from tests.libraries import needed
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.stages.data.projects import write_lines

needed("torch")
needed("peft")

pytestmark = [pytest.mark.service, pytest.mark.nightly]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "data" / "compare.md"


def block(language: str, holding: str) -> str:
    """The block of the page that holds some words."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (text,) = [each for each in found if holding in each]
    return text


def test_a_cleaned_corpus_is_shown_to_make_the_better_model(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_tiny_llama(project.path / "small")
    random = Random(1)
    texts = [{"id": f"t{number}", "text": article(random)} for number in range(60)]
    junk = [
        {"id": f"j{number}", "text": " ".join(f"{random.getrandbits(40):x}#" for _ in range(150))}
        for number in range(200)
    ]
    write_lines(project.path / "web" / "all.jsonl", [*texts[20:], *junk])
    write_lines(
        project.path / "evals" / "held_out.jsonl", [{**each, "text": each["text"][:300]} for each in texts[:20]]
    )
    tables = tomllib.loads(block("toml", "models.on-clean"))
    project.settings["corpora"] = tables["corpora"]
    project.versions = tables["models"]
    (project.path / "test_it.py").write_text(block("python", "test_held_out"), "utf-8")
    assert project.run("--candidate", "on-clean", "--baseline", "on-raw").ret == 0
    found = project.evaluation("test_held_out")
    assert found["difference"]["high"] < 0, "nats fewer"
    assert project.run("--candidate", "on-raw", "--baseline", "on-clean").ret == 1
    assert project.verdicts() == {"test_held_out": "regressed"}
