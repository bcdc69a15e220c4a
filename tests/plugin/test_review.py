"""Evaluations that people decide: `review=` in a project, from the first run to the verdict of their labels."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.gate.attending import attended
from harness.review import Queue
from tests.plugin.projects import Project
from tests.plugin.reviews import RATE, honest, judged_project, label, opened

Run = Callable[..., Result]


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("gate", "--resume", "latest")`: the command in the project."""

    def call(*arguments: str) -> Result:
        monkeypatch.chdir(project.path)
        return CliRunner().invoke(main, arguments)

    return call


def rating(project: Project, rate: float, *, n_cases: int = 300, **marker: object) -> Project:
    judged_project(project, {"only": rate}, n_cases)
    marker = {"threshold": 0.75, "margin": 0.1, "review": "uncertain", **marker}
    project.body(RATE, cases=n_cases, arguments="model, case, judge", **marker)
    return project


def test_without_labels_it_is_inconclusive_and_the_queue_is_filled(project: Project) -> None:
    rating(project, 0.85)
    result = project.run()
    assert result.ret == 8
    entry = project.evaluation()
    assert (entry["verdict"], entry["labels_needed"], entry["samples_needed"]) == ("inconclusive", None, None)
    assert "nobody has labelled an item yet" in entry["reason"]
    assert entry["n_cases"] == 300
    assert entry["review"]["n_waiting"] == 20
    result.stdout.fnmatch_lines(["next    steelyard review serve   (20 items wait, about 5 minutes)"])
    with opened(project) as store:
        (batch,) = store.review.batches()
        assert len(store.review.items(batch.id)) == 20


@pytest.mark.parametrize(("rate", "verdict", "code"), [(0.88, "passed", 0), (0.55, "failed", 1)])
def test_labels_decide_as_the_truth_is_with_fewer_than_all(
    project: Project, run: Run, rate: float, verdict: str, code: int
) -> None:
    rating(project, rate)
    assert project.run().ret == 8
    n_labels = label(project)
    assert n_labels < 200
    with opened(project) as store:
        (batch,) = store.review.batches()
        assert (batch.closed_reason or "") == f"decided: {verdict}"
    assert run("gate", "--resume", "latest").exit_code == code
    resumed = project.evaluation()
    assert (resumed["verdict"], resumed["labels_needed"], resumed["review"]["n_waiting"]) == (verdict, None, 0)
    assert resumed["review"]["n_labels"] == n_labels
    assert project.report()["usage"]["model_calls"] == 0
    assert project.run("--offline").ret == code
    assert project.report()["usage"]["model_calls"] == 0
    again = project.evaluation()
    assert {**again, "judges": [], "cases": []} == {**resumed, "judges": [], "cases": []}
    with opened(project) as store:
        assert len(store.review.batches()) == 1


def test_a_server_beside_it_draws_further_items_and_stops_when_it_is_decided(project: Project, run: Run) -> None:
    rating(project, 0.88)
    project.run()
    with opened(project) as store, attended(store, every_s=0.02):
        queue = Queue(store)
        queue.add_reviewer("ann")
        (batch,) = queue.batches()
        n_labels = 0
        while queue.batches()[0].closed is None:
            view = queue.next("ann")
            if view is None:
                time.sleep(0.02)
            else:
                queue.label("ann", view.lease_id, honest(view), key=str(n_labels))
                n_labels += 1
            if n_labels == 15:
                assert "left until it is decided" in run("review", "status").output
        assert queue.batches()[0].closed_reason == "decided: passed"
        assert 20 < n_labels < 200
        assert len(store.review.items(batch.id)) <= n_labels + 20
