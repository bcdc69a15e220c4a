"""`steelyard watch` and `steelyard cases` end to end: bodies and judges over traces, reports, exit codes, bad input."""

import json
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.reporting.watch import view
from tests import warm
from tests.cli.conftest import Run

SUITE = """
import warnings

import pytest

warnings.warn("of no interest")
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
    (folder / "suites" / "test_broken.py").write_text("import nothing_of_this_name\n")
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
def test_a_fall_is_reported_on_the_terminal_and_in_a_file(place: Path) -> None:
    done = steelyard(place, "watch", "traces.jsonl", *POLITE)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("CHANGED: suites/test_answers.py::test_polite\n")
    assert "300; 0 could not be measured, 6 skipped" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((place / "reports" / "latest" / "watch.json").read_text())
    assert report["metrics"]["score"]["began"] == "2026-11-20"
    assert report["lowest"][0]["reason"].startswith("assert 'sorry' not in")
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
    assert steelyard(place, *command).stdout == first.stdout
    with sqlite3.connect(place / ".steelyard" / "store.db") as store:  # of production it has nothing
        assert store.execute("select count(*) from steelyard_samples").fetchone() == (300,)


@pytest.mark.service
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--evaluation", "suites/test_answers.py::test_sampling"), "takes `prompt`"),
        (("--evaluation", "suites/test_answers.py"), "4 evaluations are named"),
        (
            ("--evaluation", "suites/test_answers.py::test_none"),
            "::test_none could not be run by pytest: ERROR: not found",
        ),
        (("--evaluation", "suites/test_broken.py::test_it"), "No module named 'nothing_of_this_name'"),
        ((*POLITE, "--since", "soon"), "'soon' does not match the format"),
        ((*POLITE, "--level", "0"), "0 is not between 0 and 1"),
    ],
)
def test_what_can_t_be_watched_is_refused(place: Path, arguments: tuple[str, ...], message: str) -> None:
    done = steelyard(place, "watch", "traces.jsonl", *arguments)
    assert done.returncode == 4
    assert message in " ".join(done.stderr.split())
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("verdict", "n_samples", "advice"),
    [
        ("changed", 1, "steelyard cases from FILE --id 'a;rm b\\x1b[31m' >> evals/…/failures.jsonl"),
        ("could not measure", 0, "give each answer `id`, `time`, `prompt`, `output`: steelyard watch --help"),
        ("could not measure", 1, "watch an evaluation that asks what production was asked"),
    ],
)
def test_each_verdict_is_followed_by_what_to_do(verdict: str, n_samples: int, advice: str) -> None:
    lowest = [{"id": "a;rm b\x1b[31m", "day": "2026-11-20", "score": 0.0, "reason": None}]
    report = {"verdict": verdict, "evaluation": "t.py::t", "days_between_false_alarms": 90.0, "samples": n_samples}
    report |= {"skipped": 0, "unmeasured": 0, "metrics": {}, "errors": [], "left_out": {}, "lowest": lowest}
    name, text = [*view(report)][-1]
    assert name == "next"
    assert str(text).startswith(advice)


def test_cases_are_drawn_or_a_failure_is_made_one(place: Path, run: Run) -> None:
    drawn = run("cases", "from", "traces.jsonl", "--n", "20", "--since", "2026-11-21")
    assert (drawn.exit_code, drawn.stderr) == (0, "20 cases\n")
    assert {json.loads(line)["probability"] for line in drawn.stdout.splitlines()} == {0.2}
    failure = run("cases", "from", "traces.jsonl", "--id", "s191")
    assert (failure.exit_code, failure.stderr) == (0, "1 case\n")
    case = json.loads(failure.stdout)
    assert (case["id"], case["output"], "probability" in case) == ("s191", "Sorry, no.", False)
    absent = run("cases", "from", "traces.jsonl", "--id", "s999")
    assert (absent.exit_code, "There is no sample 's999'" in absent.stderr) == (4, True)
