"""How evaluations came out over time: on a planted history, and where a history has holes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.decisions import Observations
from harness.gate.baselines.recording import FOLDER, recording_of, write_recording
from harness.gate.baselines.timeline import Drawn, LevelChange, Timeline, Trend, case_changes, mean_changes, timeline
from harness.records import Plan
from harness.records.report_json import to_json
from harness.store import Store
from tests.gate import stored
from tests.gate.history import planted as story
from tests.gate.history.planted import Planted, plant, store_runs
from tests.gate.stored import Scored
from tests.repositories import commit_all, git

NOWHERE = Path("/")
RIGHT, WRONG = ({f"c{n}": [value] * 4 for n in range(20)} for value in (1.0, 0.0))


def one(values: Any, **rule: Any) -> Scored:
    return Scored("suites/test_t.py::test_t", values, rule={"about": "suite", **rule})


def run(store: Store, number: int, *evaluations: Scored, **version: Any) -> None:
    """A run on day `number` of a version of its own, unless `version` says another."""
    own = {"name": "bot", "fingerprint": f"f{number}", "first_index": 0, **version}
    day = f"2026-11-{number:02}T12:00:00Z"
    stored.run(store, f"r{number}-{version}", *evaluations, created=day, versions={"candidate": own})


def trend_of(shown: Timeline) -> Trend:
    (trend,) = shown.trends
    return trend


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planted, Timeline]:
    folder = tmp_path_factory.mktemp("planted")
    planted = plant(folder / "shop")
    with Store.open(str(folder / "store.db")) as store:
        store_runs(store, planted)
        return planted, timeline(store, planted.folder, 0.95)


def test_a_planted_history_is_told_as_it_was(whole: tuple[Planted, Timeline]) -> None:
    planted, shown = whole
    trends = {each.id.partition("test_shop.py::test_")[2]: each for each in shown.trends}

    def commit(of: Trend, change: LevelChange) -> int:
        return planted.number(shown.versions[of.points[change.at].version].commit or "")

    (drop,), (mend,) = trends["orders"].changes, trends["refunds"].changes
    assert abs(commit(trends["orders"], drop) - story.DROP) <= 1
    assert [round(each, 1) for each in (drop.before, drop.after)] == [0.9, 0.8]
    assert mend.after > mend.before
    ((mended, (flip,)),) = trends["refunds"].cases.items()
    assert (mended, commit(trends["refunds"], flip), flip.before, flip.after) == (story.MENDED, story.MEND, 0.0, 1.0)
    assert (trends["greetings"].changes, trends["greetings"].cases) == ((), {})
    assert all(each.after < each.before for each in trends["prices"].changes)
    assert trends["prices"].changes


def test_a_version_is_one_point_at_the_time_of_its_commit_with_its_tags(whole: tuple[Planted, Timeline]) -> None:
    planted, shown = whole
    code = [number for number in range(1, 41) if number not in story.DOCS | {story.BROKEN}]
    assert [planted.number(each.commit or "") for each in shown.versions] == code
    tagged = {planted.number(each.commit or ""): each.releases for each in shown.versions if each.releases}
    assert tagged == {number: (tag,) for tag, number in story.TAGS.items()}
    assert {len(each.points) for each in shown.trends} == {len(code)}


def test_an_old_commit_that_is_weighed_late_stands_where_it_was_made(store: Store, tmp_path: Path) -> None:
    planted = plant(tmp_path / "shop")
    store_runs(store, planted, (30, 10, 20))
    numbers = [planted.number(each.commit or "") for each in timeline(store, planted.folder, 0.95).versions]
    assert numbers == [10, 20, 30]


def test_a_single_point_has_the_estimate_of_its_report(store: Store) -> None:
    run(store, 1, one({f"c{n}": [1.0, 0.0, 1.0] for n in range(9)}))
    (entry,) = to_json(stored.side(store, "r1-{}").report)["evaluations"]
    (point,) = trend_of(timeline(store, NOWHERE, 0.95)).points
    assert (point.estimate.value, point.estimate.low) == (entry["candidate"]["value"], entry["candidate"]["low"])


def test_bands_of_more_points_are_wider(store: Store) -> None:
    for number in range(1, 4):
        run(store, number, one({f"c{n}": [1.0, 0.0, 1.0] for n in range(9)}))
    bands = [each.estimate for each in trend_of(timeline(store, NOWHERE, 0.95)).points]
    assert len({each.low for each in bands}) == 1
    (alone,) = trend_of(timeline(store, NOWHERE, 0.95, most=1)).points
    assert bands[0].low < alone.estimate.low


def test_runs_of_the_same_samples_are_one_point_and_redrawn_ones_are_another(store: Store) -> None:
    run(store, 1, one({"c0": [0.0]}))
    run(store, 2, one(RIGHT), fingerprint="f1")
    run(store, 3, one(WRONG), fingerprint="f1", generation=1)
    shown = timeline(store, NOWHERE, 0.95)
    assert [each.when[:10] for each in shown.versions] == ["2026-11-01", "2026-11-03"]
    assert [each.estimate.value for each in trend_of(shown).points] == [1.0, 0.0]


def test_of_two_runs_of_a_version_that_with_more_samples_is_its_point(store: Store) -> None:
    run(store, 1, one({case: [1.0] * 20 for case in RIGHT}))
    run(store, 2, one(WRONG), fingerprint="f1", first_index=1_000_000)
    assert [each.estimate.value for each in trend_of(timeline(store, NOWHERE, 0.95)).points] == [1.0]


def test_what_decided_nothing_is_no_point(store: Store) -> None:
    stored.run(store, "r1", Scored("t", RIGHT, WRONG), spec={"is_gate": False})
    assert timeline(store, NOWHERE, 0.95).versions == ()


def test_a_baseline_stands_before_the_candidate_of_its_run(store: Store) -> None:
    stored.run(store, "r1", Scored("t", RIGHT, WRONG))
    shown = timeline(store, NOWHERE, 0.95)
    assert [each.name for each in shown.versions] == ["large", "small"]
    assert [each.estimate.value for each in trend_of(shown).points] == [0.0, 1.0]


def test_of_more_versions_than_are_shown_the_newest_are(store: Store) -> None:
    for number in range(1, 5):
        run(store, number, one(RIGHT))
    shown = timeline(store, NOWHERE, 0.95, most=3)
    assert [each.fingerprint for each in shown.versions] == ["f2", "f3", "f4"]
    assert shown.notes == ("the newest 3 versions are shown",)


def test_a_run_that_cannot_be_read_is_left_out_and_an_unfinished_one_too(store: Store) -> None:
    run(store, 1, one(RIGHT))
    for name, report in (("odd", {"schema_version": 99}), ("begun", None)):
        store.begin_run(name, "2026-11-02T12:00:00Z", {"candidate": {"name": "git:main", "fingerprint": name}})
        if report is not None:
            store.finish_run(name, report)
    shown = timeline(store, NOWHERE, 0.95)
    assert len(trend_of(shown).points) == 1
    assert [each.partition(": ")[0] for each in shown.notes] == ["left out"]
    assert "odd" in shown.notes[0]


def test_a_commit_that_is_not_in_the_clone_or_not_all_of_the_code_has_no_tag(store: Store, tmp_path: Path) -> None:
    planted = plant(tmp_path / "shop")
    for number, spec in enumerate(
        ({"commit": "0" * 40}, {"commit": planted.commits[0]}, {"commit": planted.commits[9], "uncommitted": True}), 1
    ):
        own = {"candidate": {"name": "bot", "fingerprint": f"f{number}", "first_index": 0}}
        stored.run(store, f"r{number}", one(RIGHT), created=f"2026-11-{number:02}", spec=spec, versions=own)
    shown = timeline(store, planted.folder, 0.95).versions
    assert {each.fingerprint: (each.releases, each.commit) for each in shown} == {
        "f1": ((), "0" * 40),
        "f2": (("v1.0",), planted.commits[0]),
        "f3": ((), None),
    }


def test_the_commit_of_a_version_at_a_commit_is_its_own_and_not_the_projects(store: Store) -> None:
    baseline = {"name": "git:v1.0", "fingerprint": "f0", "first_index": 0, "commit": "c0"}
    versions = {"candidate": {"name": "bot", "fingerprint": "f1", "first_index": 0}, "baseline": baseline}
    scored = Scored("t", RIGHT, WRONG)
    stored.run(store, "r1", scored, spec={"commit": "c1"}, versions=versions)
    assert [each.commit for each in timeline(store, NOWHERE, 0.95).versions] == ["c0", "c1"]


def test_a_hole_is_no_point(store: Store) -> None:
    for number, evaluation in enumerate(
        (one(RIGHT), Scored("other", RIGHT), one(RIGHT, errors=("boom",)), one(RIGHT)), 1
    ):
        run(store, number, evaluation)
    other, shown = timeline(store, NOWHERE, 0.95).trends
    assert ([each.version for each in other.points], [each.version for each in shown.points]) == ([1], [0, 3])


def test_other_cases_are_told_and_what_had_another_unit_is_left_out(store: Store) -> None:
    run(store, 1, one({"c0": [3.0], "c1": [4.0]}, unit="s", higher_is_better=False))
    run(store, 2, one(RIGHT))
    run(store, 3, one({**RIGHT, "new": [1.0] * 4}))
    trend = trend_of(timeline(store, NOWHERE, 0.95))
    assert [(each.version, each.note) for each in trend.points] == [
        (1, ""),
        (2, "1 of its cases changed, came or went"),
    ]


def test_what_a_case_was_before_it_changed_meaning_is_no_evidence() -> None:
    """All cases get another content, and are wrong from there on: nothing can be compared."""
    before, after = (np.full((20, 4), value) for value in (1.0, 0.0))
    points = [drawn(each, content) for each, content in ((before, "a"), (before, "a"), (after, "b"), (after, "b"))]
    assert mean_changes(points, 0.05) == []
    same = [replace(each, contents=("a",) * 20) for each in points]
    assert [each.at for each in mean_changes(same, 0.05)] == [2]
    assert [each.at for each in mean_changes([same[0], *map(drawn, (before[:9], after, after[:9]))], 0.05)] == [2]
    blocks = [replace(each.observed, plan=Plan(in_blocks=True)) for each in same]
    assert mean_changes([replace(each, observed=own) for each, own in zip(same, blocks, strict=True)], 0.05) == []


def drawn(values: Any, content: str = "a", **fields: Any) -> Drawn:
    names, plan = tuple(f"c{n}" for n in range(len(values))), Plan(about="suite")
    fields = {"n_planned": len(values), "suite_size": len(values), **fields}
    own = Observations(id="t", metric="score", plan=plan, case_ids=names, candidate=values, baseline=None, **fields)
    return Drawn(own, (content,) * len(values))


def test_a_recorded_baseline_is_a_point_of_each_commit_that_wrote_one(store: Store, tmp_path: Path) -> None:
    for number, scores in ((1, RIGHT), (2, WRONG)):
        run(store, number, one(scores))
        side = stored.side(store, f"r{number}-{{}}")
        recording = recording_of(store, side.weighed, side.report, "anchor")
        write_recording(recording, tmp_path / FOLDER / "anchor.json", force=True)
        commit_all(tmp_path, f"promote {number}")
    (tmp_path / FOLDER / "broken.json").write_text("{", encoding="utf-8")
    commit = commit_all(tmp_path)
    shown = timeline(None, tmp_path, 0.95)
    assert [(each.name, each.fingerprint, each.releases) for each in shown.versions] == [
        ("bot", "f1", ("anchor",)),
        ("bot", "f2", ("anchor",)),
    ]
    trend = trend_of(shown)
    assert [each.estimate.value for each in trend.points] == [1.0, 0.0]
    assert trend.anchor == 0.0
    (note,) = shown.notes
    assert note.startswith(f"left out at commit {commit[:12]}: reports/baselines/broken.json is no recorded baseline")
    both = timeline(store, tmp_path, 0.95)
    assert [(each.fingerprint, len(each.releases)) for each in both.versions] == [("f1", 1), ("f2", 1)]


def test_a_repository_without_commits_has_its_runs(store: Store, tmp_path: Path) -> None:
    run(store, 1, one(RIGHT))
    git(tmp_path, "init", "--quiet")
    assert len(timeline(store, tmp_path, 0.95).versions) == 1


def test_a_case_that_comes_and_goes_by_chance_has_no_change_and_a_mended_one_has() -> None:
    rng = np.random.default_rng(1)
    assert case_changes((rng.random((40, 5)) < 0.5).astype(float), 0.05) == []
    mended = np.repeat([0.0, 1.0], [28, 12])[:, np.newaxis] * np.ones((1, 5))
    assert case_changes(mended, 0.05) == [LevelChange(28, 0.0, 1.0)]


def test_versions_that_answer_each_case_always_the_same_have_no_change_by_chance() -> None:
    """Five samples of a case are copies, and whether a version is right about it is a coin: 20 cases, 12 versions."""
    rng, false = np.random.default_rng(2), 0
    for _ in range(40):
        coins = (rng.random((12, 20, 1)) < 0.8).astype(float)
        false += bool(mean_changes([drawn(np.repeat(each, 5, axis=1)) for each in coins], 0.05))
    assert false <= 3
