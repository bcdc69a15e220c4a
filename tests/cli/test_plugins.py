"""What stands behind each entry point, tried. tests/entry_points/test_entry_points.py has the doctor's whole answer."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from harness import entry_points
from harness.cli.doctor import load_problem
from harness.entry_points import EntryPoint


def declared(monkeypatch: pytest.MonkeyPatch, group: str, target: str, distribution: str) -> EntryPoint:
    """A point that is the only one of its group."""
    entry = importlib.metadata.EntryPoint("it", target, f"steelyard.{group}")
    point = EntryPoint(group, "it", target, distribution, "1.0", entry)
    monkeypatch.setattr("harness.entry_points.of_group", lambda wanted: (point,) if wanted == group else ())
    return point


@pytest.mark.parametrize("group", entry_points.GROUPS)
def test_none_of_steelyard_s_own_is_broken(group: str) -> None:
    assert [why for point in entry_points.of_group(group) if point.is_own and (why := load_problem(point))] == []


def test_what_is_printed_while_it_loads_is_no_part_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "noisy_steps.py").write_text(
        "from harness.stages.data.steps.filters import ADDRESS as IT\nprint('noise')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert load_problem(declared(monkeypatch, "steps", "noisy_steps:IT", "noisy")) is None
    said = capsys.readouterr()
    assert said.out == ""
    assert "noise" in said.err


def test_steelyard_s_own_that_lacks_an_extra_is_not_broken_and_another_s_is(monkeypatch: pytest.MonkeyPatch) -> None:
    target = "no_such_extra:IT"
    assert load_problem(declared(monkeypatch, "steps", target, "steelyard")) is None
    why = load_problem(declared(monkeypatch, "steps", target, "other"))
    assert why is not None
    assert "The step 'it' of other 1.0 can't be loaded" in why


def test_steelyard_s_own_module_that_is_missing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    why = load_problem(declared(monkeypatch, "steps", "harness.gone:IT", "steelyard"))
    assert why is not None
    assert "Steelyard's own metadata is older than its code" in why
