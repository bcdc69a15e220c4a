"""The fixture `judge` in a project: from the rubric to the verdict, the store and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.records import ScoringRule
from harness.scoring.judging.prompts import material, preference_messages
from harness.store import Store
from tests.plugin.judges import RATE, says
from tests.plugin.projects import Project
from tests.scoring.judging.panel import chosen, rated
from tests.scoring.judging.rubrics import rubric, with_sections

pytestmark = pytest.mark.service

PREFER = 'return judge.prefer(model.ask(case.prompt), baseline.ask(case.prompt), rubric="rubric.md", case=case)'


def rows(project: Project, run: int = -1) -> list[Any]:
    with Store.open(str(project.store), readonly=True) as store:
        return list(store.scores(store.runs()[run].run_id))


def test_a_rating_is_the_score_of_the_body(judged: Project) -> None:
    judged.versions["small"] = says(rated(3, "half of it"))
    judged.body(RATE, cases=30, arguments="model, case, judge", threshold=0.5, margin=0.2)
    assert judged.run().ret == 0
    assert judged.score() == 0.5
    assert {row.reason for row in rows(judged)} == {"3 on 1 to 5: half of it"}
    report = judged.report()
    assert [judge["name"] for judge in report["judges"]] == ["small"]
    (summary,) = judged.evaluation()["judges"]
    n_scores = sum(row.outcome == "scored" for row in rows(judged))
    assert summary["n_answers"] <= n_scores
    assert (summary["n_malformed"], summary["noise"], summary["flip"]) == (0, None, None)


def test_judges_are_answered_from_the_store(judged: Project) -> None:
    judged.body(RATE.replace("case=case", "case=case, repeats=2"), arguments="model, case, judge", design="fixed")
    judged.run()
    drawn = judged.report()["usage"]["model_calls"]
    assert drawn == 3 * 2 * (1 + 2)
    judged.run()
    assert judged.report()["usage"]["model_calls"] == 0
    assert judged.run("--offline").ret == 0
    judged.run("--fresh")
    assert judged.report()["usage"]["model_calls"] == drawn
    judged.write("rubric.md", with_sections(Criteria="Another one."))
    judged.run()
    assert judged.report()["usage"]["model_calls"] == 3 * 2 * 2


def test_a_judge_that_is_not_stored_is_an_error_of_offline(judged: Project) -> None:
    judged.body("return model.ask(case.prompt) == 'yes'", design="fixed")
    judged.run()
    judged.body(RATE, arguments="model, case, judge", design="fixed")
    judged.run("--offline")
    assert "samples are not in the store" in judged.evaluation()["reason"]


def test_versions_are_weighed_by_what_the_judge_says_of_each(judged: Project) -> None:
    """The judge sees the answer, not the version: answers that are the same of one case and sample get one score."""
    judged.versions |= {"good": says("yes"), "bad": says("no")}
    judged.module("""
        CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

        @pytest.mark.evaluation(cases=CASES, margin=0.1)
        async def test_it(model, case, judge):
            score = await judge.rate(await model.ask(case.prompt), rubric="rubric.md", case=case)
            return score.value if await model.ask(case.prompt) == "yes" else 0
    """)
    assert judged.run("--candidate", "good", "--baseline", "good").ret == 0
    assert judged.run("--candidate", "bad", "--baseline", "good").ret == 1
    assert judged.verdicts() == {"test_it": "regressed"}


def test_stored_scores_name_judge_and_rubric_of_what_was_judged_alone(judged: Project) -> None:
    judged.body(
        """
        answer = model.ask(case.prompt)
        score = judge.rate(answer, rubric="rubric.md", case=case)
        return {"exact": answer == "yes", "judged": score}
        """,
        arguments="model, case, judge",
        design="fixed",
    )
    judged.run()
    by_metric = {row.metric: row.judged_by for row in rows(judged)}
    assert by_metric["exact"] is None
    assert by_metric["judged"].judges == (judged.report()["judges"][0]["fingerprint"],)


@pytest.mark.parametrize(
    "lines",
    [
        "return judge.rate(model.ask(case.prompt), rubric='rubric.md', case=case).value > 0.5",
        "assert judge.rate(model.ask(case.prompt), rubric='rubric.md', case=case).value > 0.5",
        "assert judge.rate(model.ask(case.prompt), rubric='rubric.md', case=case).value < 0.5",
    ],
)
def test_a_score_that_a_body_makes_of_a_judgement_is_the_judges_too(judged: Project, lines: str) -> None:
    judged.body(lines, arguments="model, case, judge", design="fixed")
    judged.run()
    assert {type(row.judged_by) for row in rows(judged)} == {ScoringRule}


def test_preferences_report_flips_and_the_bias_of_position(judged: Project) -> None:
    judged.versions["small"] = says(chosen("A"))
    judged.body(PREFER, cases=40, arguments="model, baseline, case, judge", threshold=0.5, margin=0.2)
    result = judged.run("--baseline", "only")
    assert judged.verdicts() == {"test_it": "passed"}
    assert judged.score() == 0.5
    (summary,) = judged.evaluation()["judges"]
    assert (summary["flip"]["value"], summary["first_wins"]["value"]) == (1.0, 1.0)
    assert summary["flip"]["low"] > 0.5
    told = " ".join(result.stdout.str().split())
    assert "judge small: the order of the answers changed 1.00 [" in told
    assert "of its preferences, and the one shown first won 1.00 [" in told


def test_the_answer_that_a_judge_prefers_in_both_orders_wins(judged: Project) -> None:
    """This one takes the answer "good" wherever it stands."""
    read = rubric()
    table = {}
    for number in range(30):
        given = material(read, {"prompt": f"q{number}"}, None)
        for choice, pair in (("A", ("good", "bad")), ("B", ("bad", "good"))):
            table[preference_messages(read, given, f"c{number}", *pair)[-1]["content"]] = chosen(choice)
    judged.write("choices.json", json.dumps(table))
    judged.versions |= {"good": says("good"), "bad": says("bad")}
    judged.versions["small"] = {"engine": "scripted", "answers": "choices.json"}
    judged.body(PREFER, cases=30, arguments="model, baseline, case, judge", threshold=0.5, margin=0.2)
    assert judged.run("--candidate", "good", "--baseline", "bad").ret == 0
    assert judged.score() == 1
    assert judged.run("--candidate", "bad", "--baseline", "good").ret == 1
    assert judged.score() == 0
    (summary,) = judged.evaluation()["judges"]
    assert (summary["flip"]["value"], summary["first_wins"]["value"]) == (0.0, 0.5)


def test_repeats_report_the_judges_own_noise(judged: Project) -> None:
    judged.versions["small"] = says(rated(1), rated(5))
    judged.body(RATE.replace("case=case", "case=case, repeats=4"), cases=30, arguments="model, case, judge")
    result = judged.run()
    (summary,) = judged.evaluation()["judges"]
    assert 0.45 < summary["noise"] < 0.6
    told = " ".join(result.stdout.str().split())
    assert f"judge small varies by {summary['noise']:.2f} on one answer (standard deviation of its repeats)" in told


def test_answers_that_follow_no_form_are_counted_and_drawn_again(judged: Project) -> None:
    judged.versions["small"] = says(**{rated(5): 0.95, rated(4): 0.05})
    judged.body(RATE, cases=60, arguments="model, case, judge", samples=1, design="fixed")
    result = judged.run()
    (summary,) = judged.evaluation()["judges"]
    assert judged.verdicts() == {"test_it": "passed"}
    assert judged.score() == 1
    assert 0 < summary["n_malformed"] == summary["n_answers"] - 60
    result.stdout.fnmatch_lines([f"*judge small: {summary['n_malformed']} of {summary['n_answers']} answers did not*"])


def test_a_judge_without_a_judgement_is_an_error_and_no_score(judged: Project) -> None:
    judged.versions["small"] = says(**{rated(5): 0.5, rated(4): 0.5})
    judged.body(RATE, cases=20, arguments="model, case, judge", samples=1, design="fixed", threshold=0.5)
    assert judged.run().ret == 1
    entry = judged.evaluation()
    (summary,) = entry["judges"]
    assert entry["verdict"] == "error"
    assert entry["candidate"]["value"] == 1
    assert f"judge small: {summary['n_malformed']} of {summary['n_answers']} answers did not follow" in entry["reason"]
    lacking = [row for row in rows(judged) if row.value is None]
    assert lacking
    assert {row.outcome for row in lacking} == {"error"}
    assert f"so that {len(lacking)} bodies got no judgement" in entry["reason"]


def test_a_weighted_score_goes_by_the_probabilities_of_the_scale(judged: Project) -> None:
    judged.versions["small"] = says(**{rated(5, "same"): 0.75, rated(1, "same"): 0.25})
    judged.body(RATE.replace("case=case", "case=case, weighted=True"), arguments="model, case, judge", design="fixed")
    judged.run()
    assert {round(row.value, 9) for row in rows(judged)} == {0.75}


def test_a_judge_without_log_probabilities_can_not_weigh(judged: Project, loopback: Callable[..., Any]) -> None:
    server = loopback(default=rated(5), has_logprobs=False)
    judged.versions["small"] = {"engine": "openai", **server.settings()}
    judged.body(RATE.replace("case=case", "case=case, weighted=True"), arguments="model, case, judge", cases=20)
    judged.run()
    assert "the endpoint answers without them" in judged.evaluation()["reason"]


def test_judges_are_asked_side_by_side_in_the_window_of_all(judged: Project, loopback: Callable[..., Any]) -> None:
    server = loopback(default=rated(5), together=8, latency_s=0.05)
    judged.versions["small"] = {"engine": "openai", **server.settings()}
    judged.body(RATE, cases=24, arguments="model, case, judge", samples=1, design="fixed")
    judged.run("--concurrency", "8")
    assert server.stats["requests"] == 24
    assert server.stats["max_in_flight"] == 8
    body = server.received[0]
    assert body["response_format"]["json_schema"]["schema"]["properties"]["score"]["enum"] == [1, 3, 5]
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_equal_answers_of_a_case_are_judged_in_one_request(judged: Project, loopback: Callable[..., Any]) -> None:
    server = loopback(default=rated(5))
    judged.versions |= {"only": says("yes"), "small": {"engine": "openai", **server.settings()}}
    judged.body(RATE, cases=4, arguments="model, case, judge", samples=5, design="fixed")
    judged.run()
    assert sorted(body["n"] for body in server.received) == [5, 5, 5, 5]


USAGE: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "no judge": ({"judge": None}, RATE, "takes `judge`. Which version judges? Say --judge NAME*Versions: only, small."),
    "no rubric": ({}, RATE.replace("rubric.md", "rubrik.md"), "line *There is no rubric 'rubrik.md'*has: *rubric.md."),
    "no scale": ({"rubric": {"Scale": ""}}, RATE, "rubric.md has no scale, and judge.rate needs one"),
    "one point": ({"rubric": {"Scale": "- 1: a"}}, RATE, "rubric.md, `## Scale`: each score stands there once"),
    "bad heading": ({"rubric": {"Stepps": "1. a"}}, RATE, "No heading named 'Stepps'*Did you mean 'Steps'*"),
    "a field that is not there": (
        {"rubric": {"Input": "- passage"}},
        RATE,
        "shows the judge the field 'passage' of the case, and case 'c0' has none. Its fields: id, prompt, expected.",
    ),
    "a reference that is not there": ({"rubric": {"Reference": "truth"}}, PREFER, "the field 'truth' of the case*"),
    "no digits to weigh": (
        {"rubric": {"Scale": "- 0: a\n- 10: b"}},
        RATE.replace("case=case", "case=case, weighted=True"),
        "weighted=True goes by the probabilities of single digits, and the scale has 10",
    ),
}


@pytest.mark.parametrize("name", USAGE)
def test_what_can_not_be_judged_is_refused_before_anything_is_sent(
    judged: Project, loopback: Callable[..., Any], name: str
) -> None:
    server = loopback()
    judged.versions["only"] = {"engine": "openai", **server.settings()}
    changes, lines, said = USAGE[name]
    if "judge" in changes:
        del judged.settings["judge"]
    judged.write("rubric.md", with_sections(**changes.get("rubric", {})))
    judged.body(lines, arguments="model, baseline, case, judge")
    result = judged.run("--baseline", "only")
    assert result.ret == 4
    assert server.stats["requests"] == 0
    result.stderr.fnmatch_lines([f"*{said}*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--judge", "smal"], "*No version named 'smal'. Versions: only, small. Did you mean 'small'?*"),
        (["--judge", "small,small"], "*--judge: judge = * names 'small' twice; write one name, or a list*"),
        (["--judge", ""], "*judge = '' is not a text*"),
    ],
)
def test_a_judge_that_can_not_be_is_refused(judged: Project, options: list[str], said: str) -> None:
    judged.body(RATE, arguments="model, case, judge")
    result = judged.run(*options)
    assert result.ret == 4
    result.stderr.fnmatch_lines([said])


WEIGHED = """
    right = judge.rate("right", rubric="rubric.md", case=case)
    assert judge.name in ("small", "other")
    return right
"""


def test_the_version_under_test_may_be_the_judge_and_the_baseline_judges_in_its_turn(judged: Project) -> None:
    """Nobody is named as judge beside them, and both are compared case by case."""
    judged.versions |= {"small": says(rated(3)), "other": says(rated(5))}
    judged.settings = {"samples": 2, "candidate": "small", "baseline": "other"}
    judged.body(WEIGHED, cases=20, arguments="case, judge", weighs="judge", design="fixed")
    result = judged.run()
    assert judged.verdicts() == {"test_it": "regressed"}
    entry = judged.evaluation()
    assert (entry["candidate"]["value"], entry["baseline"]["value"]) == (0.5, 1.0)
    assert [each["name"] for each in entry["judges"]] == ["other", "small"]
    result.stdout.no_fnmatch_line("*judged by*")
    assert {row.judged_by.judges[0] for row in rows(judged)} == {row.fingerprint for row in rows(judged)}
    assert all(row.sample_key is not None for row in rows(judged)), "what the judge said stands for the body"


@pytest.mark.parametrize(
    ("arguments", "weighs", "message"),
    [
        ("model, case", "judge", 'weighs="judge" makes the version under test the judge'),
        ("case, judge, baseline", "judge", 'weighs="judge" makes the version under test the judge'),
        ("case, judge", "jugde", "weighs = 'jugde' is none of: judge, model. Did you mean 'judge'?"),
    ],
)
def test_what_cannot_weigh_a_judge_is_refused(judged: Project, arguments: str, weighs: str, message: str) -> None:
    judged.body("pass", arguments=arguments, weighs=weighs)
    result = judged.run("--baseline", "small")
    assert result.ret == 4
    assert message in result.stderr.str()


def test_a_preference_says_whether_the_order_changed_it(judged: Project) -> None:
    judged.versions["small"] = says(chosen("A"))
    judged.body(
        """
        found = judge.prefer("x", "y", rubric="rubric.md", case=case)
        return {"preferred": found, "agrees": 1 - found.flip, "first": found.first_wins}
        """,
        arguments="model, case, judge",
        design="fixed",
    )
    judged.run()
    figures = {entry["metric"]: entry["candidate"]["value"] for entry in judged.report()["evaluations"]}
    assert figures == {"preferred": 0.5, "agrees": 0.0, "first": 1.0}


def test_a_fixture_may_not_ask_for_the_judge(judged: Project) -> None:
    judged.module("""
        @pytest.fixture
        def mine(judge):
            return judge

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, mine):
            model.ask("q")
            pass
    """)
    result = judged.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*the fixture 'mine' asks for 'judge'*"])


def test_outside_of_an_evaluation_there_is_no_judge(judged: Project) -> None:
    judged.module("""
        def test_plain(judge):
            pass
    """)
    result = judged.run()
    result.stdout.fnmatch_lines(["*'judge' exists in the body of a test that is marked *take the fixture out."])


@pytest.mark.nightly
def test_with_workers_the_judge_comes_along(judged: Project) -> None:
    judged.body(RATE, arguments="model, case, judge", design="fixed")
    judged.ini = judged.ini.replace("filterwarnings = error\n", "")
    assert judged.run_apart("-n", "2").ret == 0
    assert [judge["name"] for judge in judged.report()["judges"]] == ["small"]
    del judged.settings["judge"]
    result = judged.run_apart("-n", "2")
    assert result.ret == 4
    assert "Which version judges?" in result.stdout.str() + result.stderr.str()
