"""`steelyard watch` and `steelyard cases` end to end: bodies and judges over traces, reports, exit codes, bad input."""

import json
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.reporting.watch import markdown, view
from harness.store import Store
from tests import warm
from tests.cli.conftest import Run
from tests.store.rows import draw, key_of, score

SUITE = """
import pytest

CASES = [{"id": "hello", "prompt": "Hello", "language": "en"}]


@pytest.fixture
def forbidden():
    return "sorry"


@pytest.mark.evaluation(cases=CASES, threshold=0.9, margin=0.05)
async def test_polite(model, case, forbidden):
    answer = await model.ask(case.prompt)
    if case.language == "fi":
        pytest.skip("no Finnish")
    assert forbidden not in answer.lower()


@pytest.mark.evaluation(cases=CASES, threshold=0.9, margin=0.05)
def test_other(model, case):
    return {"short": len(model.ask("Say: " + case.prompt)) < 100}


@pytest.mark.evaluation(cases=CASES, threshold=0.9, margin=0.05)
async def test_judged(model, case, judge):
    return await judge.rate(await model.ask(case.prompt), rubric="rubric.md", case=case)
"""
OTHERS = """
import pytest


@pytest.mark.evaluation(threshold=0.9, margin=0.05)
async def test_sampling(prompt):
    assert prompt.texts
"""
SETTINGS = """
judge = "rater"

[models.steady]
engine = "scripted"
default = "Hello."

[models.rater]
engine = "scripted"
default = '{"reason": "polite", "score": 5}'
"""
RUBRIC = "# Polite\n\n## Criteria\n\nIt is polite.\n\n## Steps\n\n1. Read it.\n\n## Scale\n\n- 1: no\n- 5: yes\n"
POLITE = ("--evaluation", "suites/test_answers.py::test_polite")


@pytest.fixture
def place(folder: Path) -> Path:
    """A project, and 30 days of traffic that fall on the 20th."""
    (folder / "suites").mkdir()
    (folder / "suites" / "test_answers.py").write_text(SUITE)
    (folder / "suites" / "test_others.py").write_text(OTHERS)
    (folder / "steelyard.toml").write_text(SETTINGS)
    (folder / "rubric.md").write_text(RUBRIC)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    lines = [
        {
            "id": f"s{n}",
            "time": (start + timedelta(days=n / 10)).isoformat(),
            "prompt": f"How do I return order {n}?",
            "output": "Sorry, no." if n >= 190 and n % 2 else "Here is how.",
            "language": "fi" if n % 50 == 0 else "en",
        }
        for n in range(300)
    ]
    (folder / "traces.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder


def steelyard(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'steelyard'; from harness.cli import main; main()"
    return warm.run("-c", code, *arguments, cwd=folder)


@pytest.mark.service
def test_a_fall_is_reported_on_the_terminal_and_in_files(place: Path) -> None:
    done = steelyard(place, "watch", "traces.jsonl", *POLITE)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("CHANGED: suites/test_answers.py::test_polite\n")
    assert "300; 0 could not be measured, 6 skipped" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((place / "reports" / "latest" / "watch.json").read_text())
    assert report["metrics"]["score"]["began"] == "2026-11-20"
    assert report["lowest"][0]["reason"].startswith("assert 'sorry' not in")
    assert (place / "reports" / "latest" / "watch.md").read_text().startswith("# Watch\n\nCHANGED")
    again = steelyard(place, "watch", "traces.jsonl", *POLITE, "--json")
    assert json.loads(again.stdout) == report
    assert [path.name for path in (place / "reports" / "latest").iterdir() if "report" in path.name] == []


@pytest.mark.service
def test_before_the_fall_nothing_is_shown_and_a_file_that_comes_later_goes_on(place: Path) -> None:
    lines = (place / "traces.jsonl").read_text().splitlines(keepends=True)
    (place / "first.jsonl").write_text("".join(lines[:150]))
    (place / "second.jsonl").write_text("".join(lines[140:]))
    assert steelyard(place, "watch", "first.jsonl", *POLITE).returncode == 0
    both = json.loads(steelyard(place, "watch", "second.jsonl", "first.jsonl", *POLITE, "--json").stdout)
    assert (both["left_out"], both["samples"]) == ({"twice, by the id": 10}, 300)
    assert both["metrics"]["score"]["began"] == "2026-11-20"


@pytest.mark.service
def test_what_production_was_not_asked_could_not_be_measured(place: Path) -> None:
    done = steelyard(place, "watch", "traces.jsonl", "--evaluation", "suites/test_answers.py::test_other", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], report["unmeasured"]) == (8, "could not measure", 300)
    assert "which production was not asked" in report["errors"][0]


@pytest.mark.service
def test_a_judge_is_asked_once_for_each_sample(place: Path) -> None:
    command = ("watch", "traces.jsonl", "--evaluation", "suites/test_answers.py::test_judged", "--json")
    first = steelyard(place, *command)
    assert (first.returncode, json.loads(first.stdout)["metrics"]["score"]["mean"]) == (0, 1.0), first.stderr
    assert n_samples(place) == 300
    assert steelyard(place, *command).stdout == first.stdout
    assert n_samples(place) == 300


def n_samples(place: Path) -> int:
    """The samples in the store, which has the judge's answers and none of production's."""
    with sqlite3.connect(place / ".steelyard" / "store.db") as store:
        return int(store.execute("select count(*) from steelyard_samples").fetchone()[0])


@pytest.mark.service
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--evaluation", "suites/test_others.py::test_sampling"), "takes `prompt`"),
        (("--evaluation", "suites/test_answers.py"), "3 evaluations are named"),
        (("--evaluation", "suites/test_answers.py::test_none"), "could not be run by pytest"),
        ((*POLITE, "--reference", "2026-11-01..soon"), "--reference: 'soon' is no day"),
        ((*POLITE, "--level", "0.8", "--reference", "2026-11-01"), "are two levels"),
        (("--evaluation", "suites/test_answers.py::test_judged", "--judge", "ratr"), "Did you mean 'rater'?"),
    ],
)
def test_what_can_t_be_watched_is_refused(place: Path, arguments: tuple[str, ...], message: str) -> None:
    done = steelyard(place, "watch", "traces.jsonl", *arguments)
    assert done.returncode == 4
    assert message in " ".join(done.stderr.split())


def test_what_a_model_or_a_trace_wrote_is_harmless_on_a_page_and_in_a_command() -> None:
    lowest = [{"id": "a;rm b|<b>", "day": "2026-11-20", "score": 0.0, "reason": "![x](http://x) \x1b[31m @ann"}]
    report = {
        "verdict": "unchanged",
        "evaluation": "t.py::t",
        "days_between_false_alarms": 90.0,
        "samples": 1,
        "skipped": 0,
    }
    report |= {"unmeasured": 0, "metrics": {}, "days": {}, "errors": ["# <i>"], "left_out": {}, "lowest": lowest}
    page = markdown(report)
    assert [each for each in ("<b>", "<i>", "![x", "@ann", "\x1b", "|<") if each in page] == []
    commands = [block[1] for block in view(report) if isinstance(block, tuple) and block[0] == "next"]
    assert commands == ["steelyard cases add FILE 'a;rm b|<b>' --to evals/…/cases.jsonl"]


def test_cases_are_drawn_into_a_new_file(place: Path, run: Run) -> None:
    drawn = run(
        "cases", "from", "traces.jsonl", "--n", "20", "--by", "language", "--since", "2026-11-21", "--output", "c.jsonl"
    )
    assert (drawn.exit_code, drawn.stderr) == (0, "20 cases of 100 samples\n")
    cases = [json.loads(line) for line in (place / "c.jsonl").read_text().splitlines()]
    assert {each["probability"] for each in cases} == {0.2}
    again = run("cases", "from", "traces.jsonl", "--output", "c.jsonl")
    assert (again.exit_code, "is there already" in again.stderr) == (4, True)


def test_a_failure_becomes_a_case_from_a_file_or_a_run(place: Path, run: Run) -> None:
    assert run("cases", "add", "traces.jsonl", "s191", "--to", "c.jsonl", "--expected", "within 14 days").exit_code == 0
    with Store.open(str(place / ".steelyard" / "store.db")) as store:
        store.add([draw("Peru?", "Quito", 0)])
        store.begin_run("r1", "2026-11-24T16:15:00Z", {"candidate": {"name": "good", "fingerprint": "f0"}})
        store.add_scores("r1", [score(sample_key=key_of("Peru?"))])
        store.finish_run("r1", {"verdict": "failed", "exit_code": 1})
    assert run("cases", "add", "r1", "peru", "--to", "c.jsonl").exit_code == 0
    first, second = [json.loads(line) for line in (place / "c.jsonl").read_text().splitlines()]
    assert (first["id"], first["output"], first["expected"]) == ("s191", "Sorry, no.", "within 14 days")
    assert (second["id"], second["prompt"], second["output"]) == ("peru", "Peru?", "Quito")
    for name in ("s191", "s999"):
        assert run("cases", "add", "traces.jsonl", name, "--to", "c.jsonl").exit_code == 4
