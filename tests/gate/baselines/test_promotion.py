"""A green run becomes the anchor, with a reason and what was the anchor before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.gate.baselines.promotion import promoted
from harness.gate.baselines.recording import Promotion, Recording, read_recording, recording_of, write_recording
from harness.records import Waiver
from harness.records.report_json import to_json
from harness.store import Store
from tests.gate.stored import Scored, run, side

GOOD = {f"c{i}": [1.0] * 5 for i in range(40)}
BAD = {f"c{i}": [0.0] * 5 for i in range(40)}
ALONE = {"candidate": "small"}


def anchor_of(
    store: Store, run_id: str, path: Path, reason: str = "release 1.3", at: str = "2026-12-01T10:00:00Z"
) -> Recording:
    own = side(store, run_id)
    return promoted(recording_of(store, own.weighed, own.report, "anchor"), store, path, reason, at)


def test_the_history_keeps_each_reason_and_the_file_reads_back(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "reports" / "baselines" / "anchor.json"
    for number, reason in enumerate(("release 1.2", "release 1.3"), 1):
        run(store, f"run-{number}", Scored("t", GOOD), names=ALONE)
        made = anchor_of(store, f"run-{number}", path, reason, f"2026-12-0{number}T10:00:00Z")
        write_recording(made, path, force=True)
    known = read_recording(path, "anchor")
    assert known.history == {
        "2026-12-01T10:00:00Z": Promotion("release 1.2", "run-1", "small"),
        "2026-12-02T10:00:00Z": Promotion("release 1.3", "run-2", "small"),
    }
    assert known.in_words == "the anchor 'anchor' recorded 2026-11-24"
    assert known.reference.name == "small (recorded 2026-11-24)"


def test_a_recording_that_was_not_promoted_is_in_the_history_of_its_successor(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    run(store, "old", Scored("t", GOOD), names=ALONE)
    own = side(store, "old")
    write_recording(recording_of(store, own.weighed, own.report, "anchor"), path)
    assert '"history"' not in path.read_text()
    run(store, "new", Scored("t", GOOD), names=ALONE)
    assert [each.reason for each in anchor_of(store, "new", path).history.values()] == ["recorded", "release 1.3"]


def test_what_is_not_green_is_refused_and_so_is_what_its_newest_gate_found_red(store: Store, tmp_path: Path) -> None:
    run(store, "below", Scored("t", BAD, rule={"threshold": 0.9}), names=ALONE)
    with pytest.raises(SettingsError, match=r"^Run below of small is not green: t failed \(below the threshold 0.90\)"):
        anchor_of(store, "below", tmp_path / "anchor.json")
    run(store, "gate", Scored("t", BAD, GOOD, rule={"margin": 0.1}), names={"candidate": "tiny", "baseline": "large"})
    run(store, "drawn", Scored("t", BAD), names={"candidate": "tiny"})
    with pytest.raises(SettingsError, match=r"^Run gate of tiny is not green: t regressed"):
        anchor_of(store, "drawn", tmp_path / "anchor.json")


def test_a_loss_that_is_accepted_may_be_anchored(store: Store, tmp_path: Path) -> None:
    below = Scored("t", BAD, rule={"threshold": 0.9})
    report = run(store, "before", below, names={"candidate": "tiny"}).report
    run(store, "below", below, names=ALONE, finished=False)
    accepted = replace(report, run_id="below", waivers=(Waiver("t", "copy changes", "2027-01-01"),))
    store.finish_run("below", to_json(accepted))
    assert anchor_of(store, "below", tmp_path / "anchor.json").version.name == "small"


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines"])
def test_a_reason_is_a_line(store: Store, tmp_path: Path, reason: str) -> None:
    run(store, "run", Scored("t", GOOD), names=ALONE)
    with pytest.raises(SettingsError, match=r"^--reason: say in a line why"):
        anchor_of(store, "run", tmp_path / "anchor.json", reason)


def test_the_anchor_is_not_promoted_twice(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    run(store, "run", Scored("t", GOOD), names=ALONE)
    write_recording(anchor_of(store, "run", path), path)
    with pytest.raises(SettingsError, match="Run run is the anchor already"):
        anchor_of(store, "run", path, "again")
