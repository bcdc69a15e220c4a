"""Evaluations that people decide: `review=` in a project, from the first run to the verdict of their labels."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.cli.review import _notify
from harness.gate.people.attending import attended, prospects
from harness.gate.people.batches import Attendant
from harness.records.review import Batch
from harness.review import Queue, View
from harness.review.batches.draws import AHEAD
from harness.scoring.judging.prompts import material, rating_messages
from tests.plugin.projects import Project
from tests.plugin.reviews import PREFER, RATE, honest, judged_project, label, opened
from tests.plugin.test_notifying import Hook, hook  # noqa: F401 - a fixture
from tests.scoring.judging.panel import rated
from tests.scoring.judging.rubrics import rubric, with_sections
from tests.waiting import wait_until

pytestmark = pytest.mark.service

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
    step = "next steelyard review serve # 20 items wait, about 5 minutes"
    assert step in " ".join(str(result.stdout).split())
    with opened(project) as store:
        (batch,) = store.review.batches()
        assert len(store.review.items(batch.id)) == 20


def test_a_report_of_a_run_whose_labels_came_later_says_so_and_what_decides_with_them(
    project: Project, run: Run
) -> None:
    rating(project, 0.85)
    assert project.run().ret == 8
    plain = run("report")
    assert ("came or went" in plain.output, plain.stderr) == (False, "")
    label(project, most=3)
    run_id = project.report()["run_id"]
    step = f"steelyard gate --resume {run_id} # 3 labels came or went since, and count there"
    told = run("report")
    assert (f"next {step}" in " ".join(told.output.split()), told.stderr) == (True, "")
    assert "nobody has labelled an item yet" in " ".join(told.output.split())
    other = run("report", "--format", "markdown")
    assert " ".join(other.stderr.split()) == f"note: verdicts are those that the run came to; {step}"
    run("report", "--format", "html", "--output", "later")
    assert f"gate --resume {run_id}" in (project.path / "later/index.html").read_text(encoding="utf-8")
    resumed = run("gate", "--resume", "latest")
    assert resumed.exit_code == 8
    assert "came or went" not in resumed.output
    assert f"gate --resume {run_id}" not in (project.path / "reports/latest/index.html").read_text(encoding="utf-8")
    assert project.evaluation()["review"]["n_events"] == 3
    with opened(project) as store:
        Queue(store).undo("ann", key="undo")
    assert "# 4 labels came or went since" in " ".join(run("report").output.split())


def test_what_a_report_says_to_do_next_is_true_now(project: Project, run: Run) -> None:
    """What waits for people is that of the queue, whatever waited when the run was decided."""

    def told() -> list[str]:
        outputs = [run("report").output, run("report", "--format", "markdown").output]
        run("report", "--format", "html", "--output", "later")
        return [" ".join(text.split()) for text in (*outputs, (project.path / "later/index.html").read_text("utf-8"))]

    rating(project, 0.88)
    assert project.run().ret == 8
    with opened(project) as store:
        (batch,) = store.review.batches()
        Queue(store).close(batch.id, "closed by hand")
    assert [f"steelyard review close {batch.id} --undo" in text for text in told()] == [True] * 3
    assert ["review serve" in text for text in told()] == [False] * 3
    with opened(project) as store:
        Queue(store).reopen(batch.id)
        queue = Queue(store)
        queue.add_reviewer("ann")
        for number in range(2):
            view = queue.next("ann")
            assert view is not None
            queue.flag("ann", view.lease_id, key=str(number))
    assert ["18 items wait, about a minute; adjudicate 2" in text for text in told()] == [True] * 3
    with opened(project) as store:
        Queue(store).undo("ann", key="undo 1")
        Queue(store).undo("ann", key="undo 2")
    label(project)
    assert [("review serve" in text, "--undo" in text) for text in told()] == [(False, False)] * 3
    assert "nobody has labelled an item yet" in told()[0]


def test_reviewers_see_the_right_answer_that_the_judge_is_shown(project: Project) -> None:
    """Of each item, whoever draws it, the gate or what looks after the queue."""
    project.write("evals/rubric.md", with_sections(Reference="expected"))
    project.versions = {"only": {"engine": "scripted", "default": "maybe"}}
    project.versions["small"] = {"engine": "scripted", "default": rated(3)}
    project.settings |= {"candidate": "only", "judge": "small", "samples": 1}
    lines = 'return judge.rate(model.ask(case.prompt), rubric="evals/rubric.md", case=case)'
    project.body(lines, cases=60, arguments="model, case, judge", threshold=0.5, margin=0.1, review="all")
    assert project.run().ret == 8
    assert label(project, most=10, says=lambda view: 5 if view.item.reference == "yes" else 1) == 10
    with opened(project) as store:
        (batch,) = store.review.batches()
        drawn, standings = store.review.items_and_standings(batch.id)
    assert len(drawn) > 20
    assert {item.reference for item in drawn} == {"yes"}
    assert {standing.value for standing in standings.values()} == {5, None}


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


def await_next(queue: Queue, batch_id: str) -> View | None:
    """What ann is to label next, also where it is only drawn by then; None once the batch is closed."""
    views: list[View | None] = []

    def comes() -> bool:
        views.append(queue.next("ann"))
        return views[-1] is not None or next(b for b in queue.batches() if b.id == batch_id).closed is not None

    wait_until(comes)
    return views[-1]


def test_a_server_beside_it_draws_further_items_and_stops_when_it_is_decided(
    project: Project,
    run: Run,
    hook: Hook,  # noqa: F811
) -> None:
    """And tells the web hook what the gate came to."""
    rating(project, 0.88)
    project.run()
    decided: list[Batch] = []
    with opened(project) as store, attended(store, every_s=0.02, on_decided=decided.append) as outlooks:
        queue = Queue(store)
        queue.add_reviewer("ann")
        (batch,) = queue.batches()
        n_labels = 0
        while queue.batches()[0].closed is None:
            view = await_next(queue, batch.id)
            if view is not None:
                queue.label("ann", view.lease_id, honest(view), key=str(n_labels))
                n_labels += 1
            if n_labels == 15:
                assert "left until it is decided" in run("review", "status").output
            if n_labels in (8, 15):
                needed = prospects(store, [batch.id]).needed.get(batch.id)
                wait_until(lambda needed=needed: outlooks[batch.id].needed == needed)
        assert queue.batches()[0].closed_reason == "decided: passed"
        assert 20 < n_labels < 200
        assert len(store.review.items(batch.id)) <= n_labels + 20
        wait_until(lambda: decided)
        _notify(store, hook.settings(), decided[0])
        assert [batch.id for batch in decided] == [each.id for each in queue.batches()]
    (received,) = hook.received
    assert (received["event"], received["verdict"], received["exit_code"]) == ("decided", "passed", 0)


@pytest.mark.nightly
@pytest.mark.parametrize(("rates", "verdict", "code"), [((0.8, 0.8), "passed", 0), ((0.5, 0.85), "regressed", 1)])
def test_a_difference_is_decided_by_labels_of_both_versions(
    project: Project, run: Run, rates: tuple[float, float], verdict: str, code: int
) -> None:
    judged_project(project, dict(zip(("new", "old"), rates, strict=True)), 400)
    project.settings["baseline"] = "old"
    project.body(RATE, cases=400, arguments="model, case, judge", margin=0.2, review="uncertain")
    assert project.run().ret == 8
    n_labels = label(project)
    assert n_labels < 800
    assert run("gate", "--resume", "latest").exit_code == code
    entry = project.evaluation()
    assert entry["verdict"] == verdict
    assert "labels and judge" in entry["difference"]["method"]
    assert project.run().ret == code
    assert project.evaluation()["reason"] == entry["reason"]


def test_a_preference_is_decided_by_people_who_see_both_answers_blind(project: Project, run: Run) -> None:
    judged_project(project, {"new": 0.85, "old": 0.6}, 300)
    project.settings["baseline"] = "old"
    arguments = "model, baseline, case, judge"
    project.body(PREFER, cases=300, arguments=arguments, threshold=0.5, margin=0.1, review="uncertain")
    assert project.run().ret == 8
    seen = []

    def looked_at(view: View) -> int | str:
        seen.append(repr(view))
        return honest(view)

    assert label(project, says=looked_at) < 300
    assert run("gate", "--resume", "latest").exit_code == 0
    assert project.evaluation()["verdict"] == "passed"
    for hidden in ("new", "old", "small", "probability"):
        assert not any(f"'{hidden}'" in each for each in seen)


def test_pairs_of_equal_answers_are_known_ties_that_nobody_is_asked_about(project: Project, run: Run) -> None:
    judged_project(project, {"new": 0.7}, 120)
    project.settings["baseline"] = "new"
    project.body(
        PREFER, cases=120, arguments="model, baseline, case, judge", threshold=0.5, margin=0.1, review="uncertain"
    )
    project.run()
    assert label(project) == 0
    assert run("gate", "--resume", "latest").exit_code == 0
    assert project.evaluation()["candidate"]["value"] == 0.5
    assert project.evaluation()["reason"] == "proven above 0.40, by answers that are the same"


@pytest.mark.nightly
def test_threshold_and_baseline_are_both_decided(project: Project, run: Run) -> None:
    judged_project(project, {"new": 0.9, "old": 0.88}, 400)
    project.settings["baseline"] = "old"
    project.body(
        RATE, cases=400, arguments="model, case, judge", threshold=0.75, margin=0.15, review="failures", requirement="r"
    )
    project.run()
    label(project)
    result = run("gate", "--resume", "latest")
    assert result.exit_code == 0, result.output
    entry = project.evaluation()
    assert [check["against"] for check in entry["checks"]] == ["threshold", "baseline"]
    for version, rate in (("candidate", 0.9), ("baseline", 0.88)):
        assert entry[version]["low"] - 0.05 < rate < entry[version]["high"] + 0.05
        assert "judge" in entry[version]["method"] or "labels" in entry[version]["method"]


def test_with_all_every_item_is_certain_until_it_is_decided(project: Project) -> None:
    rating(project, 0.88, review="all")
    project.run()
    n_labels = label(project)
    with opened(project) as store:
        (batch,) = store.review.batches()
        items = store.review.items(batch.id)
        assert {item.probability for item in items} == {1.0}
        assert not any(item.draw["passed"] for item in items)
        assert n_labels < 300
        assert batch.closed_reason == "decided: passed"


def test_resuming_is_told_by_the_same_bytes_each_time(project: Project, run: Run) -> None:
    rating(project, 0.85)
    project.run()
    label(project, 12)
    run("gate", "--resume", "latest")
    first = (project.path / "reports/latest/report.json").read_bytes()
    result = run("gate", "--resume", "latest", "--report-dir", "elsewhere", "--json")
    assert (project.path / "elsewhere/report.json").read_bytes() == first
    assert json.loads(result.output) == json.loads(first)
    assert result.exit_code == 8
    entry = project.evaluation()
    assert f"about {entry['labels_needed']} more labels would decide it" in entry["reason"]


def test_a_label_that_is_undone_after_the_decision_is_given_anew_and_decides_again(project: Project) -> None:
    rating(project, 0.88)
    project.run()
    label(project)
    with opened(project) as store:
        (batch,) = store.review.batches()
        queue = Queue(store)
        view = queue.undo("ann", key="back").view
        assert view is not None
        Attendant(store).attend(batch.id)
        queue.label("ann", view.lease_id, honest(view), key="anew")
        Attendant(store).attend(batch.id)
        assert store.review.batch(batch.id).closed_reason == "decided: passed"


def test_the_address_of_the_queue_is_told_where_the_settings_have_one(project: Project, run: Run) -> None:
    rating(project, 0.85, n_cases=40)
    project.settings["review_url"] = "https://review.example.org"
    project.run().stdout.fnmatch_lines(["next    https://review.example.org   # 20 items wait, about 5 minutes"])
    assert project.evaluation()["review"]["url"] == "https://review.example.org"
    assert "\nnext    https://review.example.org   # 20 items wait" in run("gate", "--resume", "latest").output
    assert run("review", "status").output.endswith("\nnext    https://review.example.org\n")


def test_what_somebody_closed_stays_closed(project: Project) -> None:
    rating(project, 0.85)
    project.run()
    with opened(project) as store:
        (batch,) = store.review.batches()
        Queue(store).close(batch.id, "enough")
    result = project.run()
    step = f"steelyard review close {batch.id} --undo # batch {batch.id} is closed: enough"
    assert step in " ".join(str(result.stdout).split())
    assert "review serve" not in str(result.stdout)
    assert (project.evaluation()["review"]["n_waiting"], project.evaluation()["review"]["closed"]) == (0, "enough")
    with opened(project) as store:
        (batch,) = store.review.batches()
        assert batch.closed_reason == "enough"


@pytest.mark.nightly
def test_labels_under_another_rubric_do_not_count_and_are_told(judged: Project) -> None:
    judged.body(RATE, cases=60, arguments="model, case, judge", threshold=0.5, review="all")
    judged.run()
    n_labels = label(judged, most=4, says=lambda _: 1)
    assert n_labels == 4
    judged.run()
    assert judged.report()["evaluations"][0]["review"]["n_labels"] == 4
    before = (judged.path / "rubric.md").read_text()
    judged.write("rubric.md", before + "\nBe strict about dates.\n")
    result = judged.run()
    (verdict,) = judged.report()["evaluations"]
    assert (verdict["verdict"], verdict["review"]["n_labels"]) == ("inconclusive", 0)
    told = "not counted: 4 labels given under another rubric"
    assert told in verdict["reason"]
    assert told in " ".join(result.stdout.str().split())
    judged.write("rubric.md", before)
    judged.run()
    (verdict,) = judged.report()["evaluations"]
    assert (verdict["review"]["n_labels"], told in verdict["reason"]) == (4, False)


def test_a_skipped_item_is_said_to_hold_labels_back_and_is_offered_again(project: Project, run: Run) -> None:
    rating(project, 0.88)
    project.run()
    with opened(project) as store:
        queue = Queue(store)
        queue.add_reviewer("ann")
        for number in range(3):
            view = queue.next("ann")
            assert view is not None
            if number == 2:
                queue.skip("ann", view.lease_id, key="skip")
            else:
                queue.label("ann", view.lease_id, honest(view), key=f"k{number}")
        skipped = view.item.id
        Attendant(store).attend(view.item.batch_id)
        n_behind = 0
        while (view := queue.next("ann")) is not None and view.item.id != skipped:
            queue.label("ann", view.lease_id, honest(view), key=f"b{n_behind}")
            Attendant(store).attend(view.item.batch_id)
            n_behind += 1
        assert view is not None
        assert 10 < n_behind <= AHEAD
        renewed = view.lease_id
    project.run()
    item = f"item 3 (case {view.item.case_id!r}), which ann skipped"
    waits = f"{n_behind} more labels are in and wait for {item}, to be labelled"
    assert project.evaluation()["reason"].endswith(f"; {waits}")
    assert f"  {waits}\n" in run("review", "status").output
    with opened(project) as store:
        queue = Queue(store)
        queue.label("ann", renewed, honest(view), key="late")
        Attendant(store).attend(view.item.batch_id)
    label(project)
    project.run()
    assert project.evaluation()["verdict"] == "passed"


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ({"review": "uncertian"}, "Did you mean 'uncertain'?"),
        ({"review": "all", "per": "case", "margin": 0.1}, "does not go with per='case'"),
        ({"review": "all", "cluster": "prompt"}, "does not go with cluster='prompt'"),
        ({"review": "all", "margin": 0}, "needs a margin above 0"),
        ({"review": "all", "threshold": 1.0}, "a threshold between the margin and 1"),
        ({"review": "all", "threshold": None}, "give it a threshold"),
    ],
)
def test_what_can_not_be_reviewed_is_refused_before_anything_is_asked(
    project: Project, marker: dict[str, object], message: str
) -> None:
    rating(project, 0.85, **marker)
    result = project.run()
    assert result.ret == 4
    assert message in " ".join(str(result.stderr).split())
    assert project.stored() == 0


def test_a_body_without_a_judge_that_rates_is_refused(project: Project) -> None:
    rating(project, 0.85)
    project.body("return model.ask(case.prompt) == 'yes'", threshold=0.5, review="all")
    result = project.run()
    assert result.ret == 4
    assert "no `judge.rate(…, rubric=…)`" in str(result.stderr)


def test_a_case_that_people_can_not_be_shown_makes_it_an_error(project: Project) -> None:
    """Labels would say nothing of it, and a verdict is about all cases."""
    rating(project, 0.85, n_cases=40)
    body = "if case.id == 'c3':\n    return judge.rate('right', rubric='rubric.md', case=case)\n" + RATE
    project.body(
        body, cases=40, arguments="model, case, judge", threshold=0.75, margin=0.1, review="all", design="fixed"
    )
    table = json.loads((project.path / "judge.json").read_text())
    given = material(rubric(), {"prompt": "q3"}, None)
    table[rating_messages(rubric(), given, "c3", "right")[-1]["content"]] = rated(5)
    project.write("judge.json", json.dumps(table))
    assert project.run().ret == 1
    found = project.evaluation()
    assert "1 of 40 cases can't be shown to people: 1 without a stored answer" in found["reason"]
    assert (found["candidate"]["low"], found["checks"]) == (None, [])


def test_labels_of_a_file_draw_further_items_and_decide(project: Project, run: Run) -> None:
    rating(project, 0.88)
    project.run()
    for _ in range(20):
        with opened(project) as store:
            (batch,) = store.review.batches()
        if batch.closed is not None:
            break
        run("review", "export", batch.id, "-o", "items.jsonl")
        items = [json.loads(line) for line in (project.path / "items.jsonl").read_text().splitlines()]
        for item in items:
            value = 5 if "right" in item["answers"][0] else 1
            item["labels"] = [{"value": value, "reviewer": "ann"}]
        (project.path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
        assert run("review", "import", "items.jsonl").exit_code == 0
    assert batch.closed_reason == "decided: passed"
    assert run("gate", "--resume", "latest").exit_code == 0
