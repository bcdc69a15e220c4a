from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.gate.runs.opening import check_judges, open_run, refuse_shared_luck
from harness.gate.runs.run import RunOptions
from harness.models.engine import Capability
from tests.config.settings_files import load
from tests.models.conftest import write_tiny_llama
from tests.requests.engines import NotingEngine
from tests.stages.distillation.conftest import STUDENT

pytestmark = pytest.mark.usefixtures("loaded_torch")


def test_a_judge_whose_engine_can_be_held_to_no_form_is_refused() -> None:
    able, unable = NotingEngine("able (large)"), NotingEngine("noting (small)")
    able.capabilities |= {Capability.SCHEMA}
    check_judges(("large",), {"large": able, "small": unable})
    with pytest.raises(
        SettingsError, match=r"noting \(small\) can't judge: .* structured output \(it has: seed\)\. Name"
    ):
        check_judges(("large", "small"), {"large": able, "small": unable})


def test_offline_there_is_no_engine_to_ask() -> None:
    check_judges(("small",), {})


def test_a_recorded_anchor_can_not_be_drawn_anew_for_each_candidate() -> None:
    with pytest.raises(SettingsError, match="write the version that was recorded as the anchor"):
        refuse_shared_luck((), {"anchor"})


@pytest.mark.service
def test_a_run_builds_a_student_that_has_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_tiny_llama(tmp_path / "teacher")
    line = json.dumps({"text": "The ships left harbour. " * 9}) + "\n"
    (tmp_path / "texts.jsonl").write_text(line * 4, encoding="utf-8")
    opened = open_run(load(tmp_path, 'candidate = "student"\nstore = "store.db"\n' + STUDENT), RunOptions())
    try:
        version = opened.candidate.version
        weights = Path(version.settings.engine_options["weights"])
        assert json.loads((weights / "config.json").read_text("utf-8"))["num_hidden_layers"] == 2
    finally:
        asyncio.run(opened.close())


@pytest.mark.service
def test_fresh_draws_a_base_anew_that_is_not_under_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bm25s")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "p.jsonl").write_text('{"id": "a", "text": "Open at nine."}\n{"id": "b", "text": "Closed."}\n', "utf-8")
    text = (
        'candidate = "one"\nbaseline = "two"\nstore = "store.db"\n[models.plain]\nengine = "scripted"\ndefault = "9"\n'
    )
    for k, name in enumerate(("one", "two"), 1):
        text += f'[models.{name}]\nbase = "plain"\nretrieval = {{ passages = "p.jsonl", k = {k} }}\n'

    async def generations(*, fresh: bool) -> set[int]:
        opened = open_run(load(tmp_path, text), RunOptions(fresh=fresh))
        sides = (opened.candidate, *opened.against.values())
        try:
            taken = [await opened.lineages.take(["base"], each.version) for each in sides]
            return {each["base"].source.generation for each in taken}
        finally:
            await opened.close()

    assert asyncio.run(generations(fresh=False)) == {0}
    assert asyncio.run(generations(fresh=True)) == {1}, "the same for both sides"
