"""`max_requests`, `max_tokens`, `--max-cost` and `--deadline`: at the limit the gate decides with what it has."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests import warm
from tests.loopback import Fault
from tests.plugin.projects import Project
from tests.waiting import wait_until

pytestmark = pytest.mark.service

PRICE = {"input": 100.0, "output": 1000.0}
VERSIONS: dict[str, dict[str, Any]] = {
    "good": {"engine": "scripted", "default": {"yes": 0.99, "no": 0.01}, "price": PRICE},
    "same": {"base": "good", "seed": 1},
    "bad": {"base": "good", "default": {"yes": 0.3, "no": 0.7}},
}
MODULE = """
CASES = [{{"id": f"c{{i}}", "prompt": f"q{{i}}"}} for i in range({cases})]

{evaluations}
"""
EVALUATION = """
@pytest.mark.evaluation(cases=CASES{marker})
async def test_{name}(model, case):
    return await model.ask(case.prompt + "{name}") == "yes"
"""


@pytest.fixture
def gate(project: Project) -> Project:
    """Three evaluations of 168 cases, in the middle a fixed design, against a baseline that is as good."""
    project.versions = {name: dict(table) for name, table in VERSIONS.items()}
    project.settings |= {"candidate": "same", "baseline": "good", "samples": 2, "about": "population"}
    write(project, a="", b=', design="fixed"', c="")
    return project


def write(project: Project, cases: int = 168, **markers: str) -> None:
    """A module with these evaluations."""
    evaluations = "\n".join(EVALUATION.format(name=name, marker=marker) for name, marker in markers.items())
    project.module(MODULE.format(cases=cases, evaluations=evaluations))


def entries(project: Project) -> dict[str, dict[str, Any]]:
    return {entry["id"].split("::")[-1]: entry for entry in project.report()["evaluations"]}


def squeezed(result: pytest.RunResult) -> str:
    return " ".join(str(result.stdout).split())


@pytest.mark.parametrize(
    ("arguments", "words", "spent"),
    [
        (("max_requests=120",), "max_requests 120", "120"),
        (("max_tokens=360",), "max_tokens 360", "360"),
        (("--max-cost", "0.252"), "--max-cost 0.252", "0.252"),
    ],
    ids=["requests", "tokens", "cost"],
)
def test_at_the_limit_it_decides_with_what_it_has_and_says_so(
    gate: Project, arguments: tuple[str, str], words: str, spent: str
) -> None:
    """A request of two samples takes 3 tokens, and costs 0.0021."""
    result = gate.run(*arguments)
    assert result.ret == 8
    assert f"budget stopped at {words} ({spent} spent) with 0 of 3 evaluations decided" in squeezed(result)
    for entry in gate.report()["evaluations"]:
        assert entry["verdict"] == "inconclusive"
        assert entry["reason"].startswith(f"stopped at {words} after 20 of 168 cases; ")
        assert entry["stopped_at"] == words
        assert entry["samples_needed"] > 0
    assert gate.report()["usage"]["model_calls"] == 240
    assert gate.report()["budget"]["stopped_by"] == arguments[0].partition("=")[0].removeprefix("--").replace("-", "_")


def test_the_next_run_goes_on_from_there_and_comes_to_the_verdicts_of_one_run(gate: Project) -> None:
    assert gate.run("--store", "whole.db").ret == 0
    whole = gate.report()["evaluations"]
    drawn, runs = 0, 0
    while gate.run("max_requests=300").ret == 8:
        runs += 1
        drawn += gate.report()["usage"]["model_calls"]
        assert gate.report()["usage"]["stored_samples"] <= drawn
    assert runs > 0
    assert gate.report()["evaluations"] == whole


def test_stored_samples_cost_nothing(gate: Project) -> None:
    write(gate, a=', design="fixed"')
    assert gate.run().ret == 0
    whole = gate.report()["evaluations"]
    assert gate.run("max_requests=1").ret == 0
    assert gate.report()["evaluations"] == whole
    assert gate.report()["budget"]["spent"]["requests"] == 0


def test_what_is_decided_before_the_limit_keeps_its_verdict(gate: Project) -> None:
    write(gate, a="", b=', design="fixed"', c=", threshold=0.9")
    result = gate.run("--candidate", "bad", "max_requests=260")
    assert result.ret == 1
    found = {name: entry["verdict"] for name, entry in entries(gate).items()}
    assert found == {"test_a": "regressed", "test_b": "inconclusive", "test_c": "failed"}
    assert "with 2 of 3 evaluations decided" in squeezed(result)


def test_a_fixed_design_that_is_cut_short_is_never_decided_however_clear_it_is(gate: Project) -> None:
    write(gate, b=', design="fixed"')
    assert gate.run("--candidate", "bad", "max_requests=330").ret == 8
    (entry,) = gate.report()["evaluations"]
    assert entry["reason"] == (
        "stopped at max_requests 330 after 165 of 168 cases; a fixed design is decided by all of them: 3 more cases"
    )
    assert entry["design"] == "fixed"
    assert gate.run("--candidate", "bad").ret == 1


def test_a_fixed_design_that_comes_to_its_end_is_decided_as_without_a_budget(gate: Project) -> None:
    write(gate, cases=70, b=', design="fixed"')
    gate.run("--store", "plain.db")
    plain = gate.report()["evaluations"]
    gate.run("max_requests=10000", "--deadline", "1h", "--store", "budgeted.db")
    assert gate.report()["evaluations"] == plain


def test_an_evaluation_that_had_not_begun_is_inconclusive_and_not_left_out(gate: Project) -> None:
    """What runs alone runs after the others, and finds nothing left."""
    text = MODULE.format(cases=168, evaluations=EVALUATION.format(name="a", marker=""))
    gate.module(f"{text}{EVALUATION.format(name='late', marker='').replace('(model', '(capsys, model')}")
    assert gate.run("max_requests=50").ret == 8
    entry = entries(gate)["test_late"]
    assert (entry["verdict"], entry["n_cases"]) == ("inconclusive", 0)
    assert entry["reason"] == "not begun: stopped at max_requests 50 before a case was complete"


def test_evaluations_of_every_size_come_about_as_far(gate: Project) -> None:
    write(gate, a=", samples=1", b=', design="fixed", samples=5', c="", d=", threshold=0.9", e="")
    gate.run("max_requests=200", "--concurrency", "128")
    cases = [entry["n_cases"] for entry in gate.report()["evaluations"]]
    assert sum(cases) * 2 <= 200
    assert max(cases) - min(cases) <= 1


def test_single_cases_are_cut_between_their_batches(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "default": {"yes": 0.85, "no": 0.15}}}
    project.body("return model.ask(case.prompt) == 'yes'", cases=2, per="case", threshold=0.9, margin=0.1, samples=5)
    assert project.run("max_requests=6").ret == 8
    for entry in project.report()["evaluations"]:
        assert entry["reason"].startswith("stopped at max_requests 6 after 15 of 199 samples; ")


def test_where_nothing_is_required_a_part_is_no_pass(gate: Project) -> None:
    write(gate, a="")
    assert gate.run("--baseline", "none", "max_requests=10").ret == 8
    reason = "stopped at max_requests 10 after 10 of 168 cases; nothing required, and measured in part"
    assert gate.evaluation("test_a")["reason"] == reason


@pytest.mark.nightly
def test_with_xdist_the_budget_is_that_of_the_whole_run(gate: Project) -> None:
    pytest.importorskip("xdist")
    result = gate.run_apart("-n", "2", "max_requests=60")
    assert result.ret == 8
    assert "budget stopped at max_requests 60 (60 spent) with 0 of 3 evaluations decided" in squeezed(result)


@pytest.mark.parametrize("rate", [1.0, 0.85], ids=["all", "most"])
def test_a_request_is_not_sent_again_beyond_the_limit(gate: Project, loopback: Any, rate: float) -> None:
    server = loopback(default="yes", faults=(Fault("503", rate=rate),))
    gate.versions["same"] = {"engine": "openai", **server.settings(), "requests_per_minute": 6000}
    write(gate, cases=60, a=", threshold=0.9")
    assert gate.run("--baseline", "none", "max_requests=6").ret == 8
    report = gate.report()
    assert server.stats["requests"] == report["budget"]["spent"]["requests"] == 6
    assert (report["budget"]["stopped_by"], report["evaluations"][0]["verdict"]) == ("max_requests", "inconclusive")
    assert report["evaluations"][0]["errors"] == []


def test_judges_count_too(gate: Project, loopback: Any) -> None:
    server = loopback(default='{"reason": "so", "score": 5}')
    gate.versions["judge"] = {"engine": "openai", **server.settings(), "price": {"input": 0, "output": 0}}
    gate.write("rubric.md", "# R\n\n## Criteria\n\nGood.\n\n## Steps\n\n1. Read.\n\n## Scale\n\n- 1: bad\n- 5: good\n")
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": f"c{i}", "prompt": f"q{i}"} for i in range(100)], threshold=0.9)
        async def test_it(model, case, judge):
            return await judge.rate(await model.ask(case.prompt), rubric="rubric.md", case=case)
    """)
    assert gate.run("--baseline", "none", "--judge", "judge", "max_requests=30").ret == 8
    report = gate.report()
    assert report["budget"]["spent"]["requests"] == 30
    assert 0 < len(server.received) < 30
    assert report["evaluations"][0]["verdict"] == "inconclusive"
    assert report["evaluations"][0]["errors"] == []


def test_what_people_are_to_label_is_not_put_to_them_in_part(gate: Project, loopback: Any) -> None:
    server = loopback(default='{"reason": "so", "score": 5}')
    gate.versions["judge"] = {"engine": "openai", **server.settings()}
    gate.write("rubric.md", "# R\n\n## Criteria\n\nGood.\n\n## Steps\n\n1. Read.\n\n## Scale\n\n- 1: bad\n- 5: good\n")
    gate.module("""
        CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

        @pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.1, review="uncertain")
        async def test_it(model, case, judge):
            return await judge.rate(await model.ask(case.prompt), rubric="rubric.md", case=case)
    """)
    assert gate.run("--baseline", "none", "--judge", "judge", "max_requests=30").ret == 8
    entry = gate.evaluation()
    assert (entry["verdict"], entry["review"]) == ("inconclusive", None)
    assert "a fixed design is decided by all of them" in entry["reason"]
    from harness.store import Store

    with Store.open(str(gate.store), readonly=True) as store:
        assert list(store.review.batches()) == []


def recorded(gate: Project, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    """What is said when a run of `good` alone is recorded as "released"."""
    monkeypatch.chdir(gate.path)
    gate.run("--candidate", "good", "--baseline", "none", *options)
    result = CliRunner().invoke(main, ["baseline", "record", "--name", "released"])
    return str(result.output)


@pytest.mark.nightly
@pytest.mark.parametrize("marker", ["", ', design="fixed"'], ids=["sequential", "fixed"])
def test_against_a_recorded_baseline_the_candidate_alone_is_asked_and_cut_short(
    gate: Project, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    write(gate, cases=100, a=marker)
    recorded(gate, monkeypatch)
    assert gate.run("--baseline", "released", "max_requests=30").ret == 8
    entry = gate.evaluation("test_a")
    assert entry["reason"].startswith("stopped at max_requests 30 after 30 of 100 cases; ")
    assert entry["baseline"] is not None
    assert gate.report()["budget"]["spent"]["requests"] == 30
    plain = gate.run("--baseline", "released", "max_requests=10000")
    assert plain.ret == 0


def test_a_run_that_was_cut_short_is_no_baseline(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    said = " ".join(recorded(gate, monkeypatch, "max_requests=30").split())
    assert "stopped at max_requests 30 in test_it.py::test_a, and a baseline must be whole" in said


def test_a_body_that_catches_everything_is_cut_all_the_same(gate: Project) -> None:
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(100)], threshold=0.9)
        async def test_it(model, case):
            try:
                return await model.ask(case.id) == "yes"
            except Exception:
                return 0.0
    """)
    assert gate.run("--baseline", "none", "max_requests=20").ret == 8
    assert gate.evaluation()["n_cases"] == 20


def test_max_cost_without_a_price_is_refused_before_the_first_request(gate: Project) -> None:
    gate.versions["plain"] = {"engine": "scripted", "default": "yes"}
    result = gate.run("--baseline", "plain", "--max-cost", "1")
    assert result.ret == 4
    words = "--max-cost needs the price of every version that is asked, and 'plain' has none"
    assert words in " ".join(str(result.stderr).split())
    assert gate.stored() == 0
    assert gate.run("--baseline", "none", "--candidate", "good", "--max-cost", "1000").ret == 0


def test_max_cost_offline_asks_nobody_and_needs_no_price(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=2)
    project.run()
    assert project.run("--offline", "--max-cost", "1").ret == 0


def test_tokens_that_an_endpoint_does_not_count_are_told_with_what_bounds_it_instead(
    project: Project, loopback: Any
) -> None:
    server = loopback(usage=False, default="yes", latency_s=0.02)
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("return model.ask(case.prompt) == 'yes'", cases=40, samples=1, threshold=0.9)
    assert project.run("max_tokens=100000", "--concurrency", "2").ret == 1
    reason = project.evaluation()["reason"]
    assert "max_tokens 100,000 can't be kept: only answers without a count of its tokens" in reason
    assert "max_requests" in reason
    assert server.stats["requests"] <= 3
    assert project.run("max_requests=1000").ret in (0, 8)


def test_cost_is_in_the_header_and_in_the_report_where_prices_are_known(gate: Project) -> None:
    write(gate, cases=10, b=', design="fixed"')
    result = gate.run()
    assert gate.report()["usage"]["cost"] == pytest.approx(20 * 0.0021)
    assert "40 samples asked for, all drawn now · cost 0.042" in squeezed(result)
    assert gate.report()["budget"] is None
    gate.versions["good"].pop("price")
    assert " cost 0" not in squeezed(gate.run("--fresh"))
    assert gate.report()["usage"]["cost"] is None


@pytest.mark.nightly
def test_a_price_is_no_part_of_the_fingerprint(gate: Project) -> None:
    gate.run()
    before = gate.report()["candidate"]["fingerprint"]
    gate.versions["good"]["price"] = {"input": 1, "output": 2}
    gate.run()
    assert gate.report()["candidate"]["fingerprint"] == before
    assert gate.report()["usage"]["model_calls"] == 0


def test_a_deadline_that_has_passed_before_the_first_case_leaves_all_open(gate: Project) -> None:
    assert gate.run("--deadline", "0.001s").ret == 8
    assert {entry["n_cases"] for entry in gate.report()["evaluations"]} == {0}
    assert gate.stored() == 0


def test_at_the_deadline_requests_are_given_up_and_what_waits_for_its_turn_is_not_sent(
    project: Project, loopback: Any
) -> None:
    server = loopback(faults=(Fault("hang", rate=1),))
    project.versions["only"] = {"engine": "openai", **server.settings(), "requests_per_minute": 1}
    project.body("return model.ask(case.prompt) == 'yes'", cases=60, samples=1, threshold=0.9)
    assert project.run("--deadline", "1s").ret == 8
    assert server.stats["requests"] <= 1
    assert project.evaluation()["reason"] == "not begun: stopped at --deadline 1s before a case was complete"


@pytest.mark.nightly
def test_interrupted_under_a_budget_it_still_reports(gate: Project, loopback: Any) -> None:
    server = loopback(default="yes", faults=(Fault("hang", after=10),))
    gate.versions = {"same": {"engine": "openai", **server.settings()}, "good": {"base": "same"}}
    gate.settings |= {"concurrency": 2, "max_requests": 100_000}
    gate.configure()
    process = warm.start("-m", "pytest", cwd=gate.path, stdout=subprocess.DEVNULL)
    wait_until(lambda: server.stats["faults"] == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 2
    assert all("interrupted after" in entry["reason"] for entry in gate.report()["evaluations"])
    assert gate.report()["budget"]["stopped_by"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("max_requests=0",), "max_requests = 0 is below 1"),
        (("max_tokens=many",), "max_tokens = 'many' is not a whole number"),
        (("--max-cost", "0"), "--max-cost: max_cost = 0.0 lets nothing be drawn"),
        (("--max-cost", "-1"), "outside the range from 0 up"),
        (("--deadline", "soon"), "--deadline: deadline = 'soon' is not a duration; write"),
    ],
)
def test_a_limit_that_can_not_be_is_a_usage_error(gate: Project, arguments: tuple[str, str], words: str) -> None:
    result = gate.run(*arguments)
    assert result.ret == 4
    assert words in str(result.stderr)


def test_report_with_a_budget_follows_the_published_schema(gate: Project) -> None:
    import jsonschema

    from harness.records.report_json import from_json, schema, to_json

    gate.run("max_requests=30")
    document = json.loads((gate.path / "reports" / "latest" / "report.json").read_text())
    jsonschema.validate(document, schema())
    assert json.loads(json.dumps(to_json(from_json(document)))) == document
    assert document["budget"]["limits"] == {
        "max_requests": 30,
        "max_tokens": None,
        "max_cost": None,
        "deadline_s": None,
    }


SLOW_BODIES = """
    import asyncio, time

    CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

    @pytest.mark.evaluation(cases=CASES, samples=1, threshold=0.5)
    def test_quick(model, case, capsys):
        return model.ask(case.prompt + "quick") == "yes"

    async def sleeps():
        await asyncio.Event().wait()

    async def is_a_thread():
        await asyncio.to_thread(time.sleep, 3600)

    async def catches():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    @pytest.mark.parametrize("slow", [sleeps, is_a_thread, catches])
    @pytest.mark.evaluation(cases=CASES, samples=1, threshold=0.9, design="fixed")
    async def test_slow(model, case, slow):
        answer = await model.ask(case.prompt)
        if case.id == "c7":
            await slow()
        return answer == "yes"
"""


@pytest.mark.nightly
def test_at_the_deadline_bodies_that_take_long_are_given_up(project: Project) -> None:
    project.module(SLOW_BODIES)
    project.configure()
    ended = warm.run("-m", "pytest", "--deadline", "6s", cwd=project.path, timeout=120)
    assert ended.returncode == 8
    assert "Traceback" not in ended.stdout + ended.stderr
    verdicts = project.verdicts()
    assert verdicts.pop("test_quick") == "passed"
    assert len(verdicts) == 3
    assert set(verdicts.values()) == {"inconclusive"}
    assert "stopped at --deadline 6s" in " ".join(ended.stdout.split())
    report = project.report()
    assert all(each["reason"].startswith("stopped at --deadline 6s after ") for each in report["evaluations"][1:])
    assert report["budget"]["stopped_by"] == "deadline"
    assert report["budget"]["spent"]["elapsed_s"] >= 6
