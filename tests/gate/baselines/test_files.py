"""A recording as a file: it reads back equal, its differences are lines, and what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from harness.gate.baselines.recording import (
    RecordedCase,
    read_recording,
    recorded_path,
    recording_named,
    to_text,
    write_recording,
)
from harness.gate.evaluations.cases import content_digest
from tests.decisions.observations import replace
from tests.gate.baselines.recordings import cases, recorded, recording, whole
from tests.repositories import commit_all


def test_a_recording_reads_back_equal_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    assert write_recording(whole(), path) is True
    assert read_recording(path) == whole()
    assert to_text(read_recording(path)) == path.read_text(encoding="ascii")


def test_a_case_is_one_line_and_right_and_wrong_are_digits() -> None:
    lines = [each.strip() for each in to_text(whole()).splitlines()]
    assert f'"c1": ["{content_digest(cases()[1])}", null, {{"score": "11"}}]' in {each.rstrip(",") for each in lines}
    assert '"a": ["00", "11", {"f1": "10", "s": "01", "t": ""}],' in lines


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


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("test cases c1", ["00", None, {"score": [0.5, "1"]}], "c1, 2, score, 1: Input should be a valid number"),
        ("test cases c1", ["00", None, {"score": [0.5, 2]}], r"case 'c1': score is in \[0, 1\], not \[0.5, 2\]"),
        ("test cases c1", ["00", None, {"score": "12"}], "score: Input should be a valid array"),
        ("test cases c1", ["00", None, {"other": "11"}], "case 'c1': no metric is called 'other'"),
        ("test cases c1", ["00", None], "c1, 2: Field required"),
        ("test design", "sequential", "test, design: Unexpected"),
        ("test metrics score", {}, "score, unit: Field required"),
        ("test metrics score higher_is_better", 1, "higher_is_better: Input should be a valid boolean"),
        (".. version", "small", "version: Input should be an object"),
        (".. baseline_version", 2, "baseline_version: Input should be 1"),
        (".. created", "\x1b[2J", "created: String should match"),
    ],
)
def test_what_can_not_be_understood_is_refused_with_its_place(
    tmp_path: Path, place: str, value: object, reason: str
) -> None:
    path = tmp_path / "released.json"
    document = json.loads(to_text(whole()))
    *folders, name = place.split()
    table = document if folders == [".."] else document["evaluations"]
    for folder in () if folders == [".."] else folders:
        table = table[folder]
    table[name] = value
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match=f"released.json is no recorded .*{reason}.* Record the run again"):
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


def test_a_name_stands_for_a_version_then_a_file(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, baseline="r1")
    write_recording(replace(whole(), run_id="of the file"), recorded_path(settings, "r1"))
    found = recording_named(settings)
    assert found is not None
    assert (found.name, found.run_id) == ("r1", "of the file")
    versions = {"r1": VersionSettings(name="r1", engine="scripted")}
    assert recording_named(replace(settings, versions=versions)) is None
    assert recording_named(replace(settings, baseline="none")) is None
    assert recording_named(replace(settings, baseline=None)) is None


def test_what_git_alone_knows_is_told_how_to_write(tmp_path: Path) -> None:
    commit_all(tmp_path)
    for name, meant in (("main", True), ("maim", False)):
        with pytest.raises(SettingsError, match=f"No baseline named '{name}'") as refused:
            recording_named(Settings(root=tmp_path, store=str(tmp_path / "store.db"), baseline=name))
        assert (f"Did you mean git:{name}, the candidate as it was" in str(refused.value)) == meant


def test_a_baseline_that_is_not_recorded_yet_is_told_with_its_file_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        recording_named(Settings(root=tmp_path, store=str(tmp_path / "store.db"), baseline="released"))
    assert "a recorded baseline is reports/baselines/released.json" in str(refused.value)
    assert "`steelyard baseline record --name released` writes" in str(refused.value)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a\n", "none", "none.json"])
def test_names_that_can_not_be_a_files_or_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="recorded baseline"):
        recorded_path(Settings(root=Path()), name)
