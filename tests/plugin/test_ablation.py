"""The fixture `ablation` in whole sessions: the worse corpus is red, the same one in another order is not."""

from __future__ import annotations

from pathlib import Path

import datatrove  # noqa: F401
import pytest

from tests.corpora.questions import cloze, held_out
from tests.plugin.projects import Project
from tests.stages.data.ablation.conftest import articles, worsened
from tests.stages.data.projects import write_lines

pytestmark = pytest.mark.service

LOSS = """
    SEEDS = [{"id": f"seed-{n}", "seed": n} for n in (1, 2, 3, 4)]
    QUESTIONS = {"held_out": "held_out.jsonl", "cloze": "cloze.jsonl", "tokens": 20_480}

    @pytest.mark.evaluation(cases=SEEDS, margin=0.05)
    def test_loss(ablation, case) -> harness.Measure:
        return harness.Measure(ablation.train(case.seed, **QUESTIONS).loss, "nats/byte", higher_is_better=False)

    @pytest.mark.evaluation(cases=SEEDS, margin=0.5)
    async def test_cloze(ablation, case) -> harness.Measure:
        return harness.Measure((await ablation.train(case.seed, **QUESTIONS)).cloze, "of questions")
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one test has trained is there for the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def gate(project: Project, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("STEELYARD_CACHE", str(cache))
    texts = articles(120)
    for name, rows in (("good", texts), ("again", reversed(texts)), ("bad", worsened(texts))):
        write_lines(project.path / f"{name}.jsonl", ({"id": identity, "text": text} for identity, text in rows))
    write_lines(project.path / "held_out.jsonl", held_out("tests", 4))
    write_lines(project.path / "cloze.jsonl", cloze("tests", 20))
    project.settings["corpora"] = {name: {"documents": f"{name}.jsonl"} for name in ("good", "again", "bad")}
    return project


@pytest.mark.nightly
def test_the_worse_corpus_is_red_and_the_power_was_told_before(gate: Project) -> None:
    gate.module(LOSS)
    result = gate.run("--candidate", "bad", "--baseline", "good")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["steelyard: 4 pairs of seeds: all pointing one way have p = 0.0625*", "test_it.py*", "*x regressed*test_loss*"]
    )
    entry = gate.evaluation("test_loss")
    assert (entry["verdict"], entry["n_cases"], entry["n_samples"]) == ("regressed", 4, 4)
    assert entry["difference"]["low"] > 0
    assert "paired t" in entry["difference"]["method"]


@pytest.mark.nightly
def test_the_same_corpus_in_another_order_is_green(gate: Project) -> None:
    gate.module(LOSS)
    result = gate.run("--candidate", "again", "--baseline", "good", "-k", "loss")
    assert result.ret == 0
    assert gate.evaluation("test_loss")["difference"]["value"] == 0


def test_offline_trains_nothing(gate: Project) -> None:
    gate.module("""
    @pytest.mark.evaluation(cases=[{"id": "d001"}])
    def test_built(corpus, case):
        assert corpus[case.id].kept
    """)
    assert gate.run("--candidate", "bad").ret == 0
    gate.module(LOSS.replace("20_480", "512"))
    result = gate.run("--candidate", "bad", "--offline")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*No model was trained on bad with seed * before*"])
