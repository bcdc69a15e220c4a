"""What a user writes, in both kinds of bodies and in scripts. Checkers of types are run over it; it is never run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import harness
from harness import Case, Judge, Measure, Model, Sample, Score, checks

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


async def test_judged(model: Model, baseline: Model, case: Case, judge: Judge) -> Score:
    first, second = await model.ask(case.prompt), await baseline.ask(case.prompt)
    assert_type(await judge.rate(first, rubric=RUBRIC, case=case, repeats=2), Score)
    assert_type(await judge.measure("FaithfulnessMetric", output=first, context=["a", "b"]), Score)
    return await judge.prefer(first, second, rubric=Path(RUBRIC), case=case)


async def test_checks(model: Model, case: Case) -> dict[str, Score]:
    choice = await checks.choose(model, case.prompt, ["yes", "no"])
    assert_type(choice.index, int)
    return {
        "runs": await checks.runs("print(1)", tests=["assert True"], timeout_s=1.0),
        "choice": await checks.multiple_choice(model, case),
        "form": checks.follows_schema("{}", {"type": "object"}),
        "number": checks.numeric("3", 3, absolute=0.5),
    }


async def test_measured(model: Model, case: Case) -> Measure:
    try:
        seconds = (await model.chat(case.prompt)).latency_s or 0.0
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
