"""What the page shows is what the other reports say."""

from __future__ import annotations

from pathlib import Path

from harness.records import BaselineRecord, Change, NewSample, Request, Sample, ScoreRow, VerdictKind
from harness.reporting.html import write_html
from harness.store import Store
from tests.decisions.observations import replace
from tests.gate import stored
from tests.reporting.html import pages
from tests.store.rows import key_of


def test_the_worst_evaluations_stand_first_and_requirements_point_at_them(store: Store, tmp_path: Path) -> None:
    path = pages.page(store, tmp_path, pages.rivers(), pages.capitals(requirement="non-functional: it knows"))
    content = pages.data(path)
    assert [each["id"] for each in content["evaluations"]] == [pages.CAPITALS, pages.RIVERS]
    assert [(each["kind"], each["text"], each["verdict"], each["evaluations"]) for each in content["requirements"]] == [
        ("business", "Whoever asks for a river gets its name", "passed", [1]),
        ("non-functional", "it knows", "regressed", [0]),
    ]
    assert content["run"]["word"] == "RED"
    assert content["run"]["headline"] == "1 regressed, 1 passed"


def test_versions_environment_and_usage_are_told(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    spec = {**side.weighed.run.spec, "environment": {"python": "CPython 3.11.7", "packages": {"numpy": "2.4"}}}
    path = write_html(store, replace(side.weighed.run, spec=spec), side.report, tmp_path)
    versions, environment, usage = pages.data(path)["about"]
    assert versions["facts"][:2] == [["candidate", "small  f-small"], ["baseline", "large  f-large"]]
    assert ["Python", "CPython 3.11.7"] in environment["facts"]
    assert ["numpy", "2.4"] in environment["facts"]
    assert ["from the store", "0 samples"] in usage["facts"]


def test_a_recorded_baseline_is_named_with_what_it_could_be_paired_with(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    record = BaselineRecord(
        "released", "r0", "2026-11-20T08:00:00Z", 7, n_changed=1, n_new=0, n_gone=2, asked_otherwise=0
    )
    (entry,) = side.report.evaluations
    report = replace(side.report, evaluations=(replace(entry, baseline_record=record),))
    recorded = {"name": "released", "run_id": "r0", "created": "2026-11-20T08:00:00Z"}
    spec = {**side.weighed.run.spec, "baseline": {**side.weighed.run.spec["baseline"], "recorded": recorded}}
    content = pages.data(write_html(store, replace(side.weighed.run, spec=spec), report, tmp_path))
    told = (
        "baseline released: scores of 7 cases, recorded in run r0 of 2026-11-20T08:00:00Z; of others 1 changed, 2 gone"
    )
    assert content["evaluations"][0]["facts"] == [told]
    assert ["baseline recorded", "released, run r0 of 2026-11-20T08:00:00Z"] in content["about"][0]["facts"]


def test_blocks_of_time_have_no_answers_to_look_at(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    (entry,) = side.report.evaluations
    entry = replace(entry, verdict=VerdictKind.REGRESSED)
    change = Change(entry.id, entry.cases[0].id, entry.metric, 0.0, 1.0, 1, None, None)
    report = replace(side.report, evaluations=(entry,), changes=(change,))
    content = pages.data(write_html(store, side.weighed.run, report, tmp_path))
    assert content["changes"]
    assert [step for step in content["next"] if "store show" in step["command"]]
    report = replace(report, evaluations=(replace(entry, in_blocks=True),))
    content = pages.data(write_html(store, side.weighed.run, report, tmp_path))
    assert content["changes"] == []
    assert not [step for step in content["next"] if "store show" in step["command"] or "--case" in step["command"]]


def test_of_changes_the_question_is_shown_and_the_answer_whole_and_neither_is_better_with_aim_same(
    store: Store, tmp_path: Path
) -> None:
    side = stored.run(store, "r1", pages.rivers())
    entry = replace(side.report.evaluations[0], verdict=VerdictKind.REGRESSED)
    change = Change(entry.id, "river-0", entry.metric, 0.0, 1.0, 1, "…\n\nLima.", None, baseline_n=1)
    system, users = ({"role": "system", "content": "Be brief."}, [{"role": "user", "content": each} for each in "ab"])
    for number, user in enumerate(users):
        key = key_of(user["content"])
        store.add([NewSample(key, "f0", 0, Request(messages=(system, user)), Sample(""))])
        row = ScoreRow(entry.id, entry.metric, "candidate", "f0", "asked", number, 1.0, sample_key=key)
        store.add_scores("r1", [row])
    entry = replace(entry, aim="same")
    report = replace(side.report, evaluations=(entry,), changes=(change, replace(change, case_id="asked")))
    by_case = {
        each["id"]: each for each in pages.data(write_html(store, side.weighed.run, report, tmp_path))["changes"]
    }
    assert (by_case["river-0"]["candidate"], by_case["river-0"]["better"]) == ("…\n\nLima.", None)
    assert [each["text"] for each in by_case["asked"]["asked"]] == ["Be brief.", "a"]
