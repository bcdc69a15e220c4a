"""Gates against a recorded baseline: no baseline is asked, and what it was paired with is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.records.report_json import from_json, schema, to_json
from harness.store import Store
from tests.plugin.projects import Project
from tests.scoring.judging.panel import rated
from tests.scoring.judging.rubrics import SUMMARY

pytestmark = pytest.mark.service

VERSIONS: dict[str, dict[str, Any]] = {
    "good": {"engine": "scripted", "default": {"yes": 0.95, "no": 0.05}},
    "bad": {"engine": "scripted", "default": {"yes": 0.5, "no": 0.5}},
    "equal": {"base": "good", "system": "Be brief."},
}
BODY = "return model.ask(case.prompt) == 'yes'"
RATE = 'return judge.rate(model.ask(case.prompt), rubric="rubric.md", case=case)'


@pytest.fixture
def recorded(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, the current folder, with 60 cases of which "good" is recorded under the name "released"."""
    project.versions = {name: dict(table) for name, table in VERSIONS.items()}
    project.settings |= {"samples": 4, "margin": 0.15}
    project.body(BODY, cases=60)
    monkeypatch.chdir(project.path)
    record(project)
    return project


def record(project: Project, *options: str, name: str = "released") -> Path:
    """Run the suite whole with "good", and record it."""
    project.run("--candidate", "good", "--baseline", "none", *(options or ("design=fixed",)))
    steelyard("record", "--name", name, "--force")
    return project.path / "reports" / "baselines" / f"{name}.json"


def steelyard(*arguments: str) -> str:
    """`steelyard baseline …` in this process."""
    result = CliRunner().invoke(main, ["baseline", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def told(project: Project, **figures: int) -> None:
    """The report's counts of cases are these, and all others 0."""
    counts = {name: value for name, value in project.evaluation()["baseline_record"].items() if isinstance(value, int)}
    assert {name: value for name, value in counts.items() if value} == figures


def drawn(project: Project) -> list[str]:
    """The names of the versions that the store has samples of."""
    with Store.open(str(project.store), readonly=True) as store:
        return sorted(name for version in store.info().versions for name in version.names)


def with_prompts(project: Project, prompts: Mapping[str, str]) -> None:
    """Give cases of the module, by their ids, other prompts."""
    for case, prompt in prompts.items():
        edit(project, f"'prompt': 'q{case[1:]}',", f"'prompt': '{prompt}',")


def edit(project: Project, old: str, new: str) -> None:
    """Replace a text of the module."""
    path = project.path / "test_it.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_worse_version_is_red_and_an_equal_one_green_without_a_request_to_the_baseline(recorded: Project) -> None:
    result = recorded.run("--candidate", "bad", "--baseline", "released")
    assert result.ret == 1
    entry, report = recorded.evaluation(), recorded.report()
    assert (entry["verdict"], entry["design"]) == ("regressed", "sequential")
    assert "decided after" in entry["reason"]
    date = report["created"][:10]
    assert report["baseline"]["name"] == f"released (recorded {date})"
    result.stdout.fnmatch_lines([f"*candidate bad*against released (recorded {date})*"])
    told(recorded, n_paired=60)
    assert report["usage"]["model_calls"] <= 4 * 60
    assert recorded.run("--candidate", "equal", "--baseline", "released").ret == 0
    assert drawn(recorded) == ["bad", "equal", "good"]


@pytest.mark.nightly
def test_stored_samples_give_the_same_report_offline_and_in_any_order(recorded: Project) -> None:
    first = recorded.run("--candidate", "bad", "--baseline", "released")
    entries = recorded.report()["evaluations"]
    changes = recorded.report()["changes"]
    for more in (("--offline",), ("--concurrency", "1"), ("--offline", "-p", "xdist", "-n", "2")):
        again = recorded.run_apart("--candidate", "bad", "--baseline", "released", *more)
        assert again.ret == first.ret, again.stdout
        assert (recorded.report()["evaluations"], recorded.report()["changes"]) == (entries, changes)


def test_the_baselines_answers_are_shown_while_the_store_has_them(recorded: Project) -> None:
    recorded.run("--candidate", "bad", "--baseline", "released")
    (change, *_) = recorded.report()["changes"]
    assert (change["baseline_answer"], change["candidate_answer"]) == ("yes", "no")
    recorded.run("--candidate", "bad", "--baseline", "released", "--store", "another.db")
    (change, *_) = recorded.report()["changes"]
    assert (change["baseline_answer"], change["candidate_answer"]) == (None, "no")
    assert change["baseline"] > change["candidate"]


def test_a_version_against_its_own_recording_draws_samples_of_its_own(recorded: Project) -> None:
    recorded.run("--candidate", "good", "--baseline", "released", "design=fixed")
    assert recorded.report()["usage"]["model_calls"] == 240
    entry = recorded.evaluation()
    assert entry["difference"]["standard_error"] > 0
    assert any(case["candidate"] != case["baseline"] for case in entry["cases"])


def test_cases_that_changed_came_and_went_are_told_apart_from_a_changed_model(recorded: Project) -> None:
    recorded.body(BODY, cases=58)
    with_prompts(recorded, {"c3": "another question", "c4": "and another"})
    edit(recorded, "'c5'", "'c5-new'")
    recorded.run("--candidate", "equal", "--baseline", "released", "design=fixed")
    told(recorded, n_paired=55, n_changed=2, n_new=1, n_removed=3)
    entry = recorded.evaluation()
    assert "55 of 58 cases paired" in entry["reason"]
    assert "(2 changed, 1 new, 3 gone)" in entry["reason"]
    alone = {case["id"] for case in entry["cases"] if case["baseline"] is None}
    assert alone == {"c3", "c4", "c5-new"}
    assert entry["n_cases"] == 58


def test_only_paired_cases_decide_against_the_baseline_and_all_against_a_threshold(recorded: Project) -> None:
    recorded.body(BODY, cases=60, threshold=0.6)
    record(recorded)
    prompts = {f"c{number}": f"q{number}, changed" for number in range(30)}
    answers = dict.fromkeys(prompts.values(), "no")
    recorded.versions["bad"] = {"engine": "scripted", "answers": answers, "default": "yes"}
    with_prompts(recorded, prompts)
    recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed", "about=population")
    told(recorded, n_paired=30, n_changed=30)
    checks = {check["against"]: check["verdict"] for check in recorded.evaluation()["checks"]}
    assert checks == {"threshold": "inconclusive", "baseline": "passed"}
    assert recorded.score() == 0.5


def test_a_prompt_that_the_body_changed_is_told(recorded: Project) -> None:
    recorded.body("return model.ask(case.prompt + '!') == 'yes'", cases=60)
    recorded.run("--candidate", "equal", "--baseline", "released", "design=fixed")
    told(recorded, n_paired=60, asked_otherwise=60, scored_otherwise=True)
    assert "60 were asked otherwise when recorded, such as c0" in recorded.evaluation()["reason"]


def test_a_test_that_scores_otherwise_than_when_it_was_recorded_is_told(recorded: Project) -> None:
    recorded.body("return model.ask(case.prompt) in ('yes', 'no')", cases=60)
    result = recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed")
    assert recorded.verdicts() == {"test_it": "passed"}
    told(recorded, n_paired=60, scored_otherwise=True)
    assert "its test has other code than when it was recorded" in recorded.evaluation()["reason"]
    result.stdout.fnmatch_lines(["*its test has other code than when*", "*may score the same answer otherwise*"])
    comment = (recorded.path / "reports" / "latest" / "report.md").read_text()
    assert "- 1 test of what passed had other code when recorded: scores may differ by that" in comment
    jsonschema.validate(recorded.report(), schema())
    assert to_json(from_json(recorded.report())) == recorded.report()


def test_what_is_left_of_cases_that_were_seen_decides_nothing_until_it_is_recorded_anew(recorded: Project) -> None:
    """The cases that went wrong could else be deleted, and the recorded scores of the rest are what they are."""
    recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed")
    recorded.body(BODY, cases=50, threshold=0.8)
    result = recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed")
    told_of = (
        "what is left of a recording without 10 of its cases that were seen (record it anew, from a run with --fresh)"
    )
    assert result.ret == 8
    assert recorded.evaluation()["reason"].startswith(f"{told_of} is shown and decides nothing: ")
    assert f"test_it: {told_of} decides nothing" in " ".join(result.stdout.lines)
    record(recorded)  # its stored draws under another name
    assert recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed").ret == 8
    record(recorded, "design=fixed", "--fresh")
    assert recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed").ret == 1
    assert recorded.evaluation()["look"]["number"] == 2


def test_draws_that_a_live_baseline_was_seen_with_are_the_same_once_they_are_recorded(recorded: Project) -> None:
    recorded.run("--candidate", "bad", "--baseline", "good", "design=fixed")
    recorded.body(BODY, cases=50)
    record(recorded, "--for-baseline", "--samples", "4")
    assert recorded.run("--candidate", "bad", "--baseline", "released").ret == 8
    assert "without 10 of its cases that were seen" in recorded.evaluation()["reason"]


def test_a_path_names_a_file_and_a_version_wins_over_a_recording_of_its_name(recorded: Project) -> None:
    steelyard("record", "--name", "good")
    for name in ("reports/baselines/good.json", "good.json", str(recorded.path / "reports/baselines/good.json")):
        recorded.run("--candidate", "bad", "--baseline", name)
        assert recorded.report()["baseline"]["name"].startswith("good (recorded ")
    recorded.run("--candidate", "bad", "--baseline", "good")
    assert recorded.report()["baseline"]["name"] == "good"


def test_each_case_of_its_own_is_paired_with_its_recorded_samples(recorded: Project) -> None:
    recorded.body(BODY, cases=3, per="case", threshold=0.5, margin=0.3)
    record(recorded, "--for-baseline", name="each")
    recorded.run("--candidate", "bad", "--baseline", "each")
    for entry in recorded.report()["evaluations"]:
        assert entry["baseline_record"]["n_paired"] == 1
        assert {check["against"] for check in entry["checks"]} == {"threshold", "baseline"}
        assert entry["baseline"]["value"] > entry["candidate"]["value"]


def test_several_metrics_and_units_are_weighed(recorded: Project) -> None:
    recorded.body(
        "answer = model.ask(case.prompt)\nassert answer != 'never'\n"
        "return {'right': answer == 'yes', 'length': harness.Measure(len(answer), 'characters')}",
        cases=60,
    )
    record(recorded, name="metrics")
    recorded.run("--candidate", "bad", "--baseline", "metrics")
    assert recorded.evaluation(metric="right")["verdict"] == "regressed"
    assert recorded.evaluation(metric="length")["baseline"]["value"] > 2.5


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return {'right': True}", r"metric 'right' is not in the baseline 'released' .*, which has 'score'; record"),
        ("return harness.Measure(1.0, 'm')", r"'score' is in m, higher being better now, a score in \[0, 1\], higher"),
    ],
    ids=["metric", "unit"],
)
def test_scores_that_are_not_of_one_kind_are_an_error(recorded: Project, body: str, reason: str) -> None:
    recorded.body(f"model.ask(case.prompt)\n{body}", cases=60)
    assert recorded.run("--candidate", "bad", "--baseline", "released").ret == 1
    assert recorded.evaluation()["verdict"] == "error"
    assert re.match(reason, recorded.evaluation()["reason"])


def test_bodies_that_all_fail_an_assertion_score_0_on_every_recorded_metric(recorded: Project) -> None:
    recorded.body("assert model.ask(case.prompt) == 'yes'\nreturn {'f1': 1.0}", cases=60)
    recorded.versions["good"] = {"engine": "scripted", "default": "yes"}
    record(recorded, name="f1")
    recorded.versions["bad"] = {"engine": "scripted", "default": "no"}
    recorded.run("--candidate", "bad", "--baseline", "f1")
    entry = recorded.evaluation()
    assert (entry["metric"], entry["verdict"], entry["candidate"]["value"]) == ("f1", "regressed", 0)


def test_other_judges_or_another_rubric_are_an_error(recorded: Project) -> None:
    recorded.write("rubric.md", SUMMARY)
    recorded.versions |= {
        "judge": {"engine": "scripted", "default": rated(5)},
        "stern": {"engine": "scripted", "default": rated(1)},
    }
    recorded.settings["judge"] = "judge"
    recorded.body(RATE, cases=60, arguments="model, case, judge")
    record(recorded, name="judged")
    recorded.run("--candidate", "equal", "--baseline", "judged")
    assert recorded.verdicts() == {"test_it": "passed"}
    recorded.run("--candidate", "bad", "--baseline", "judged", "--judge", "stern", "--fresh")
    assert recorded.verdicts() == {"test_it": "error"}
    assert "are other judges' in the baseline 'judged'" in recorded.evaluation()["reason"]
    assert recorded.report()["usage"]["model_calls"] == 0
    recorded.write("rubric.md", SUMMARY.replace("# ", "# Another ", 1))
    recorded.run("--candidate", "equal", "--baseline", "judged")
    assert "by another rubric now" in recorded.evaluation()["reason"]
    recorded.body("model.ask(case.prompt)\nreturn 0.75", cases=60)
    recorded.run("--candidate", "equal", "--baseline", "judged", "design=fixed")
    assert "and nobody's now" in recorded.evaluation()["reason"]


def test_a_body_that_takes_the_baseline_is_refused(recorded: Project) -> None:
    recorded.body("return model.ask(case.prompt) == baseline.ask(case.prompt)", arguments="model, baseline, case")
    result = recorded.run("--candidate", "bad", "--baseline", "released")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*test_it takes `baseline`, whose answers it needs*name a version with --baseline*"])


def test_review_is_refused(recorded: Project) -> None:
    recorded.write("rubric.md", SUMMARY)
    recorded.versions["judge"] = {"engine": "scripted", "default": rated(5)}
    recorded.settings["judge"] = "judge"
    recorded.body(RATE, cases=60, arguments="model, case, judge", review="all")
    result = recorded.run("--candidate", "bad", "--baseline", "released")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*review= shows people the answers of both versions*`none` for the threshold alone*"])


def test_recording_the_same_run_twice_is_byte_equal_and_a_rerun_changes_no_line_of_a_case(recorded: Project) -> None:
    path = recorded.path / "reports" / "baselines" / "released.json"
    first = path.read_bytes()
    assert "the same is there" in steelyard("record", "--name", "released")
    assert path.read_bytes() == first
    again = record(recorded, name="again").read_bytes()
    different = {one for one, other in zip(first.splitlines(), again.splitlines(), strict=True) if one != other}
    assert all(line.split(b":")[0].strip() in (b'"run_id"', b'"created"') for line in different)


def test_a_skipped_case_is_told_and_left_out(recorded: Project) -> None:
    recorded.body("if case.id == 'c7':\n    pytest.skip('no')\n" + BODY, cases=60)
    record(recorded, name="skipping")
    recorded.body(BODY, cases=60)
    recorded.run("--candidate", "equal", "--baseline", "skipping", "design=fixed")
    told(recorded, n_paired=59, n_skipped=1, scored_otherwise=True)
    recorded.body("if case.id == 'c8':\n    pytest.skip('no')\n" + BODY, cases=60)
    recorded.run("--candidate", "equal", "--baseline", "released", "design=fixed")
    told(recorded, n_paired=60, scored_otherwise=True)
    assert (recorded.evaluation()["n_cases"], recorded.evaluation()["n_skipped"]) == (59, 1)


def test_such_a_run_is_compared_decided_again_and_read_back(recorded: Project) -> None:
    recorded.run("--candidate", "bad", "--baseline", "released")
    report, entry = recorded.report(), recorded.evaluation()
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert to_json(from_json(report)) == report
    compared = CliRunner().invoke(main, ["compare", "latest", "latest", "--json"], catch_exceptions=False)
    (again,) = json.loads(compared.stdout)["evaluations"]
    same = [name for name in entry if name != "baseline_record"]
    assert {name: again[name] for name in same} == {name: entry[name] for name in same}
    assert json.loads(compared.stdout)["changes"][0]["baseline_answer"] == "yes"
    resumed = CliRunner().invoke(main, ["gate", "--resume", "latest", "--json"], catch_exceptions=False)
    assert json.loads(resumed.stdout)["evaluations"] == report["evaluations"]
    recorded.run("--candidate", "bad", "--baseline", "released", "design=fixed")
    steelyard("record", "--name", "worse")
    assert recorded.run("--candidate", "equal", "--baseline", "worse").ret == 0


RANGED = "answer = model.ask(case.prompt)\nreturn harness.Measure(len(answer), 'characters', at_most={most}, {more})"


def test_a_recorded_measure_is_weighed_within_its_range_and_by_its_statistic(recorded: Project) -> None:
    recorded.settings["margin"] = 0.6
    recorded.body(RANGED.format(most=9.0, more="statistic='median'"), cases=60)
    record(recorded, name="ranged")
    recorded.run("--candidate", "bad", "--baseline", "ranged")
    entry = recorded.evaluation()
    assert (entry["at_least"], entry["at_most"], entry["statistic"]) == (0.0, 9.0, "p50")
    assert "p50" in entry["difference"]["method"]
    recorded.body(RANGED.format(most=12.0, more=""), cases=60)
    assert recorded.run("--candidate", "bad", "--baseline", "ranged").ret == 1
    now, then = "in characters from 0 to 12, higher being better now", "in characters from 0 to 9, weighed by p50"
    assert re.match(rf"'score' is {now}, {then}", recorded.evaluation()["reason"])


@pytest.mark.parametrize("limit", ["", "100"])
def test_a_measure_is_decided_by_all_that_is_recorded_though_others_are_new(recorded: Project, limit: str) -> None:
    body = RANGED.format(most=9.0, more="statistic='median'")
    recorded.body(body, cases=60, margin=1.5)
    record(recorded, name="ranged")
    recorded.body(body, cases=90, margin=1.5)
    options = (f"max_samples={limit}",) if limit else ()
    recorded.run("--candidate", "equal", "--baseline", "ranged", "design=sequential", *options)
    entry = recorded.evaluation()
    assert entry["stopped_at"] == ("max_samples" if limit else None)
    assert entry["verdict"] == ("inconclusive" if limit else "passed")


def test_what_is_drawn_for_a_baseline_is_everything_and_4_times_the_samples(recorded: Project) -> None:
    recorded.settings |= {"baseline": "equal", "samples": 6}
    recorded.body(BODY, cases=60, design="sequential", threshold=0.5, samples=7)
    recorded.run("--candidate", "good", "--for-baseline")
    entry = recorded.evaluation()
    assert (entry["design"], entry["n_samples"], entry["baseline"]) == ("fixed", 28 * 60, None)
    told = " ".join(steelyard("record", "--force").split())
    assert "warning" not in told
    recorded.run("--candidate", "good", "--for-baseline", "--samples", "3")
    assert recorded.evaluation()["n_samples"] == 3 * 60


def test_a_recording_with_fewer_samples_than_the_candidate_is_said_in_the_reason(recorded: Project) -> None:
    recorded.run("--candidate", "equal", "--baseline", "released")
    assert "whose luck" not in recorded.evaluation()["reason"]
    recorded.run("--candidate", "equal", "--baseline", "released", "--samples", "9")
    assert "samples of a case, whose luck is in every gate against it" in recorded.evaluation()["reason"]
