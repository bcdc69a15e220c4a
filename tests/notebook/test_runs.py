"""A stored run is found as the commands find it, and its cases, samples and labels are data frames."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import LoadedRun, compare, load_run
from harness.errors import SettingsError, StoreError, UsageError
from harness.gate.history.scores import Side
from harness.records.report_json import print_report
from harness.reporting.samples_table import COLUMNS
from harness.review import Queue
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored
from tests.review import runs
from tests.review.conftest import SCALE

TEST = "suites/test_capitals.py::test_capitals"
SCORED = Scored(
    candidate={"peru": [1, 0], "chad": [1, 1]}, baseline={"peru": [1], "chad": [0]}, rule={"threshold": 0.5}
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with settings, in a folder of which this process is."""
    (tmp_path / "steelyard.toml").write_text("", "utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


@pytest.fixture
def store(project: Path) -> Iterator[Store]:
    (project / ".steelyard").mkdir()
    with Store.open(str(project / ".steelyard" / "store.db")) as opened:
        yield opened


def write_report(folder: Path, side: Side) -> Path:
    folder.mkdir(parents=True)
    with (folder / "report.json").open("w", encoding="utf-8") as stream:
        print_report(side.report, stream)
    return folder


def test_it_is_found_by_its_id_as_the_latest_by_its_version_or_by_its_report(store: Store, project: Path) -> None:
    first = stored.run(store, "20261124-first", SCORED)
    stored.run(store, "20261125-second", SCORED, names={"candidate": "other", "baseline": "large"})
    names = {"latest": "20261125-second", "20261124": "20261124-first", "small": "20261124-first"}
    assert {name: load_run(name).id for name in names} == names
    assert load_run().id == "20261125-second"
    folder = write_report(project / "reports/latest", first)
    for path in (folder, str(folder), folder / "report.json", "../reports/latest"):
        run = load_run(path)
        assert (run.id, run.report) == (first.report.run_id, first.report)
        assert len(run.samples) == 6
    assert load_run(store=project / ".steelyard/store.db").id == "20261125-second"


def test_cases_are_those_of_the_verdicts(store: Store) -> None:
    stored.run(store, "r1", SCORED)
    cases = load_run().cases.set_index("case_id")
    assert list(cases.columns[:6]) == ["evaluation_id", "metric", "n", "candidate", "baseline", "difference"]
    assert cases.loc["peru", ["n", "candidate", "baseline", "difference", "state"]].tolist() == [
        2,
        0.5,
        1,
        -0.5,
        "flaky",
    ]
    assert cases.loc["chad", "difference"] == 1
    assert set(cases.evaluation_id) == {TEST}


def test_samples_are_scores_with_their_answers(store: Store) -> None:
    stored.run(store, "r1", SCORED)
    samples = load_run().samples
    assert tuple(samples.columns) == COLUMNS
    peru = samples[(samples.case_id == "peru") & (samples.role == "candidate")]
    assert peru.score.tolist() == [1, 0]
    assert peru.answer.tolist() == ["candidate on peru, 0", "candidate on peru, 1"]
    assert samples.groupby("role").score.mean().to_dict() == {"candidate": 0.75, "baseline": 0.5}


def test_labels_are_those_of_people(store: Store) -> None:
    run = stored.run(store, "r1", SCORED).weighed.run
    runs.add_batch(store, run, SCALE, of=TEST, n_items=2)
    queue = Queue(store)
    queue.add_reviewer("ann", "annotator")
    view = queue.next("ann")
    assert view is not None
    assert list(load_run().labels.columns[:4]) == ["batch_id", "evaluation_id", "metric", "case_id"]
    assert len(load_run().labels) == 0
    queue.label("ann", view.lease_id, 5, key="k", note="as it should be")
    (label,) = load_run().labels.to_dict("records")
    assert (label["reviewer"], label["value"], label["score"], label["note"]) == ("ann", 5, 1.0, "as it should be")
    assert label["batch_id"] == store.review.batches()[0].id


def test_a_report_without_its_store_has_cases_and_says_where_samples_are(store: Store, project: Path) -> None:
    side = stored.run(store, "r1", SCORED)
    folder = write_report(project / "elsewhere", side)
    with Store.open(str(project / "other.db")):
        pass
    run = load_run(folder, store=project / "other.db")
    assert len(run.cases) == 2
    for name in ("samples", "labels"):
        with pytest.raises(SettingsError, match=r"other\.db does not hold the run r1, of which there is"):
            getattr(run, name)


def test_it_shows_itself(store: Store) -> None:
    side = stored.run(store, "r1", SCORED)
    run = load_run()
    assert repr(run) == f"<LoadedRun r1: {side.report.verdict}>"
    assert "candidate small   against large" in str(run)
    assert "run r1, made 2026-11-24T16:03:12Z" in run._repr_html_()


def test_what_is_not_there_is_told(project: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no store at .* makes one; store= names another place\."):
        load_run()
    with pytest.raises(SettingsError, match=r"nowhere/report\.json|nowhere can't be read"):
        load_run(Path("nowhere"))
    with Store.open(str(project / "s.db")) as store:
        stored.run(store, "r1", SCORED, finished=False)
    with pytest.raises(SettingsError, match="Run r1 did not come to its end"):
        load_run(store=project / "s.db")


def test_without_pandas_it_is_said_what_to_install(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.run(store, "r1", SCORED)
    run = load_run()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="Data frames need pandas, which is not installed here: pip install pandas"):
        _ = run.cases
    assert compare(run).evaluations
    assert isinstance(run, LoadedRun)
