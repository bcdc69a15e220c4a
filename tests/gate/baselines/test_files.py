"""A recording as a file: it reads back equal, its differences are lines, and what is none is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SettingsError
from harness.gate.baselines.files import read_recording, to_text, write_recording
from harness.gate.baselines.recording import (
    RecordedCase,
)
from harness.gate.evaluations.contents import content_digest
from tests.decisions.observations import replace
from tests.gate.baselines.recordings import cases, recorded, recording, whole


def test_a_recording_reads_back_equal_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    assert write_recording(whole(), path) is True
    assert to_text(read_recording(path)) == to_text(whole()) == path.read_text()
    expected = {name: each for name, each in whole().evaluations.items() if name == "test"}
    assert read_recording(path).evaluations["test"] == expected["test"]


def test_a_case_is_one_line_and_right_and_wrong_are_digits() -> None:
    lines = to_text(whole()).splitlines()
    (line,) = (each for each in lines if '"c1"' in each)
    assert line.strip() == f'"c1": ["{content_digest(cases()[1])}", null, "11"],'
    assert [each.strip() for each in lines if '"a":' in each] == ['"a": ["00", "11", "10", "01", "00"],']


def test_one_case_that_moved_is_one_line_of_a_diff() -> None:
    one = to_text(recording(test=recorded(cases())))
    moved = recorded(cases())
    moved = replace(moved, cases={**moved.cases, "c2": RecordedCase("00", None, {"score": (0.0, 0.0)})})
    other = to_text(recording(test=moved))
    assert sum(ours != theirs for ours, theirs in zip(one.splitlines(), other.splitlines(), strict=True)) == 1


def test_another_recording_is_overwritten_by_force_alone(tmp_path: Path) -> None:
    path = tmp_path / "baselines" / "released.json"
    write_recording(whole(), path)
    assert write_recording(whole(), path) is False
    other = replace(whole(), run_id="r2")
    with pytest.raises(SettingsError, match="--force overwrites it"):
        write_recording(other, path)
    assert write_recording(other, path, force=True) is True
    assert [each.name for each in path.parent.iterdir()] == ["released.json"]


def _broken(document: dict[str, Any], name: str) -> None:
    evaluation = document["evaluations"]["test"]
    changes: Mapping[str, Any] = {
        "no number": lambda: evaluation["cases"].update(c1=["00", None, [0.5, "1"]]),
        "beyond 1": lambda: evaluation["cases"].update(c1=["00", None, [0.5, 2]]),
        "no digit": lambda: evaluation["cases"].update(c1=["00", None, "12"]),
        "too few": lambda: evaluation["cases"].update(c1=["00", None]),
        "design": lambda: evaluation.update(design="both"),
        "metrics": lambda: evaluation.update(metrics=[]),
        "version": lambda: document.update(version="small"),
        "seed": lambda: document.update(seed="0"),
        "flag": lambda: evaluation["metrics"]["score"].update(higher_is_better=1),
        "count": lambda: evaluation.update(n_planned=True),
        "missing": lambda: evaluation.pop("n_drawn"),
        "date": lambda: document.update(created="\x1b[2J"),
    }
    changes[name]()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no number", "'1' is no score"),
        ("beyond 1", r"test, case 'c1': score is a score in \[0, 1\], and one of \[0.5, 2\] is not"),
        ("no digit", "'2' is neither 0 nor 1"),
        ("too few", "needs two digests, and scores for each of score"),
        ("design", "neither fixed nor sequential"),
        ("metrics", r"\[\] is no dict"),
        ("version", "string indices"),
        ("seed", "'0' is no int"),
        ("flag", "1 is no bool"),
        ("count", "True is no int"),
        ("missing", "lacks the key 'n_drawn'"),
        ("date", r"created is '\\x1b\[2J', and no date"),
    ],
)
def test_what_can_not_be_understood_is_refused_with_its_place(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / "released.json"
    document = json.loads(to_text(whole()))
    _broken(document, name)
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match=f"released.json .*{reason}.* Record the run again"):
        read_recording(path)


def test_a_file_of_bytes_or_none_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "released.json").write_bytes(b"\xff\x00")
    with pytest.raises(SettingsError, match="is no recorded baseline"):
        read_recording(tmp_path / "released.json")
    with pytest.raises(SettingsError, match="can't be read"):
        read_recording(tmp_path)


def test_a_case_that_a_merge_left_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    lines = to_text(whole()).splitlines()
    number = next(at for at, line in enumerate(lines) if '"c1"' in line)
    path.write_text("\n".join([*lines[:number], lines[number], *lines[number:]]))
    with pytest.raises(SettingsError, match="the key 'c1' is there twice in one object"):
        read_recording(path)
