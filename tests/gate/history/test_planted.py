"""The planted history is what its docstring says."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.gate.baselines.timeline import timeline
from harness.store import Store
from tests.gate.history import planted as story
from tests.gate.history.planted import plant, store_runs
from tests.repositories import git


def test_its_commits_are_the_same_each_time_and_only_some_touch_the_application(tmp_path: Path) -> None:
    planted = plant(tmp_path / "shop")
    assert len(planted.commits) == story.COMMITS
    assert planted.commits == plant(tmp_path / "again").commits
    assert planted.number(git(planted.folder, "rev-parse", "v1.2")) == story.TAGS["v1.2"]
    assert len(planted.range("v1.1", "main")) == 30
    touched = git(planted.folder, "log", "--format=%s", "--", "shop").splitlines()
    assert {f"Commit {number}" for number in range(1, 41) if number not in story.DOCS} == {*touched}
    assert git(planted.folder, "status", "--porcelain") == ""


def test_its_stored_runs_show_the_drop_and_share_what_docs_did_not_touch(store: Store, tmp_path: Path) -> None:
    store_runs(store, plant(tmp_path / "shop"))
    runs = store.runs()
    assert len(runs) == story.COMMITS - 1
    of_orders = [store.report(each.run_id)["evaluations"][1]["candidate"]["value"] for each in runs]  # type: ignore[index]
    assert min(of_orders[: story.DROP - 2]) > max(of_orders[story.DROP - 2 :])
    assert len({each.spec["candidate"]["fingerprint"] for each in runs}) == 34


@pytest.mark.nightly
@pytest.mark.service
def test_its_application_runs_as_its_stored_runs_say(tmp_path: Path) -> None:
    planted = plant(tmp_path / "shop")
    dropped = planted.gate(story.DROP, "--baseline", f"git:{planted.commits[story.DROP - 2]}")
    assert dropped.returncode == 1, dropped.stdout
    assert "test_orders" in dropped.stdout
    broken = planted.gate(story.BROKEN)
    assert (broken.returncode, "EXCEPTION" in broken.stdout + broken.stderr) == (4, True)
    with Store.open(str(planted.folder / ".steelyard" / "store.db"), readonly=True) as store:
        (run,) = store.runs()
        report = store.report(run.run_id) or {}
    verdicts = {each["id"].partition("::test_")[2]: each["verdict"] for each in report["evaluations"]}
    assert verdicts["orders"] == "regressed"
    assert "regressed" not in {verdicts[area] for area in story.AREAS if area != "orders"}


@pytest.mark.nightly
@pytest.mark.service
def test_real_gates_of_it_tell_the_commit_of_the_drop_and_of_what_was_mended(tmp_path: Path) -> None:
    """Its own application, asked in the repository, some commits out of their order."""
    planted = plant(tmp_path / "shop")
    for number in (18, 20, 24, 21, 22, 23, 25, 27, 28, 29, 31, 32):
        assert planted.gate(number).returncode == 0
    with Store.open(str(planted.folder / ".steelyard" / "store.db"), readonly=True) as store:
        shown = timeline(store, planted.folder, 0.95)
    trends = {each.id.partition("::test_")[2]: each for each in shown.trends}
    (drop,), ((mended, (flip,)),) = trends["orders"].changes, trends["refunds"].cases.items()
    commits = [planted.number(each.commit or "") for each in shown.versions]
    assert commits == sorted(commits)
    assert abs(commits[drop.at] - story.DROP) <= 1
    assert (mended, commits[flip.at]) == (story.MENDED, story.MEND)
    assert (trends["greetings"].changes, trends["greetings"].cases) == ((), {})


@pytest.mark.nightly
@pytest.mark.service
def test_an_anchor_is_red_for_the_creep_that_a_gate_against_the_commit_before_does_not_see(tmp_path: Path) -> None:
    planted = plant(tmp_path / "shop")
    options = ("-k", "prices or greetings", "--samples", "40", "--baseline", f"git:{planted.commits[16]}")
    assert planted.gate(18, *options).returncode != 1
    settings = planted.folder / "steelyard.toml"
    settings.write_text(f'anchor = "git:v1.0"\n{settings.read_text()}')
    anchored = planted.gate(18, *options)
    assert anchored.returncode == 1, anchored.stdout
    assert "lower than the anchor" in anchored.stdout
