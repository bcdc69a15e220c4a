"""The same stored samples give the same verdicts, byte for byte; neither order nor clock matter."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

SUITE = """
    CASES = [{"id": f"c{i}", "prompt": f"q{i}", "page": i // 2} for i in range(30)]

    @pytest.mark.evaluation(cases=CASES, threshold=0.6, cluster="page")
    async def test_one(model, case):
        assert await model.ask(case.prompt) == "yes"

    @pytest.mark.evaluation(cases=CASES)
    def test_two(model, case):
        answer = model.ask(case.prompt + "?")
        return {"right": answer == "yes", "length": len(answer) / 10}

    @pytest.mark.evaluation(cases=CASES[:2], per="case", threshold=0.5, margin=0.2)
    def test_three(model, case):
        if case.id == "c1" and model.ask(case.prompt) == "no":
            pytest.skip("no")
        return model.ask(case.prompt) == "yes"
"""
VERSIONS = {
    "good": {"engine": "scripted", "default": {"yes": 0.8, "no": 0.2}},
    "bad": {"engine": "scripted", "default": {"yes": 0.5, "no": 0.5}},
}


def timeless(report: dict) -> dict:
    """A report without what names the run and its clock."""
    usage = {name: value for name, value in report["usage"].items() if name != "wall_s"}
    return {name: value for name, value in report.items() if name not in ("run_id", "created")} | {"usage": usage}


def test_same_stored_samples_give_the_same_report(project: Project) -> None:
    project.versions = VERSIONS
    project.settings |= {"baseline": "good", "samples": 5}
    project.module(SUITE)
    first = project.run("--candidate", "bad")
    drawn = project.report()
    reports = []
    for _ in range(2):
        assert project.run("--candidate", "bad", "--offline").ret == first.ret
        reports.append(timeless(project.report()))
    assert reports[0] == reports[1]
    assert drawn["evaluations"] == reports[0]["evaluations"]
    assert drawn["changes"] == reports[0]["changes"]


def test_order_of_cases_in_the_file_does_not_change_a_verdict_of_the_same_cases(project: Project) -> None:
    project.versions = {"only": VERSIONS["good"]}
    rows = [f'{{"id": "c{i}", "prompt": "q{i}"}}\n' for i in range(30)]
    project.module("""
        @pytest.mark.evaluation(cases="cases.jsonl", threshold=0.6)
        def test_it(model, case):
            return model.ask(case.prompt) == "yes"
    """)
    entries = []
    for order in (rows, rows[::-1]):
        project.write("cases.jsonl", "".join(order))
        project.run()
        entry = project.evaluation()
        entry["cases"].sort(key=lambda case: case["id"])
        entries.append(entry)
    assert entries[0]["verdict"] == entries[1]["verdict"]
    assert entries[0]["cases"] == entries[1]["cases"]
    assert entries[0]["candidate"]["value"] == pytest.approx(entries[1]["candidate"]["value"])
