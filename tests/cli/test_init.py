import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import load_settings
from harness.decisions import decide
from tests import warm
from tests.cli.conftest import Run
from tests.decisions.observations import binary, observed

WRITTEN = {
    ".gitignore",
    "conftest.py",
    "evals/foundation/capitals/README.md",
    "evals/foundation/capitals/answers/forgetful.json",
    "evals/foundation/capitals/answers/steady.json",
    "evals/foundation/capitals/cases.jsonl",
    "pytest.ini",
    "reports/README.md",
    "steelyard.toml",
    "suites/foundation/test_capitals.py",
}
ENDPOINT = ("--engine", "openai", "--base-url", "http://127.0.0.1:8000/v1", "--model", "my-model")


def files(folder: Path) -> dict[str, str]:
    """Relative path → text of every file in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def gate(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of pytest on the folder's suites, in a process of its own."""
    done = warm.run("-m", "pytest", "suites", "-q", *arguments, cwd=folder)
    report = folder / "reports" / "latest" / "report.json"
    assert report.is_file(), done.stdout + done.stderr
    return done.returncode, json.loads(report.read_text(encoding="utf-8"))


def test_it_writes_the_layout_and_says_so(run: Run, folder: Path) -> None:
    result = run("init")
    assert result.exit_code == 0
    assert set(files(folder)) == WRITTEN
    for name in WRITTEN:
        assert f"wrote  {name}" in result.output
    assert "pytest suites  " in result.output


def answers(folder: Path, version: str) -> dict[str, dict[str, float]]:
    """The table that a scripted version answers from: prompt → answer → probability."""
    return json.loads((folder / f"evals/foundation/capitals/answers/{version}.json").read_text(encoding="utf-8"))


def rates(folder: Path, version: str) -> np.ndarray:
    """The probability of a right answer for each case."""
    text = (folder / "evals/foundation/capitals/cases.jsonl").read_text(encoding="utf-8")
    table = answers(folder, version)
    return np.array([table[case["prompt"]][case["expected"]] for case in map(json.loads, text.splitlines())])


def test_the_evaluation_has_60_cases_with_unique_ids_and_prompts(run: Run, folder: Path) -> None:
    run("init")
    text = (folder / "evals/foundation/capitals/cases.jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in text.splitlines()]
    assert len(cases) == 60
    assert len({case["id"] for case in cases}) == len({case["prompt"] for case in cases}) == len(cases)
    for name in ("steady", "forgetful"):
        assert set(answers(folder, name)) == {case["prompt"] for case in cases}
        assert all(0 < rate < 1 for rate in rates(folder, name))


@pytest.mark.service
def test_its_cases_suffice_whatever_is_drawn(run: Run, folder: Path) -> None:
    """Green against itself in 98 of 100 draws, and red for the forgetful version in as many."""
    run("init")
    steady, forgetful = rates(folder, "steady"), rates(folder, "forgetful")
    rng = np.random.default_rng(1)
    for candidate, wanted in ((steady, "passed"), (forgetful, "red")):
        seen = 0
        for _ in range(100):
            order = rng.permutation(len(steady))
            scores = binary(rng, candidate[order], 5), binary(rng, steady[order], 5)
            entry = observed(*scores, threshold=0.9, margin=0.1, design="sequential", n_planned=len(order))
            (verdict,) = decide([entry], 0.95)
            seen += ("red" if verdict.verdict.is_red else verdict.verdict.value) == wanted
        assert seen >= 98


@pytest.mark.service
def test_the_versions_are_ready(run: Run) -> None:
    run("init")
    assert [each["ready"] for each in json.loads(run("models", "--json").output)] == [True, True]
    assert run("doctor").exit_code == 0


@pytest.mark.service
def test_what_it_wrote_runs_at_once_and_is_green(run: Run, folder: Path) -> None:
    run("init")
    exit_code, report = gate(folder)
    assert exit_code == 0
    assert report["verdict"] == "passed"
    (evaluation,) = report["evaluations"]
    assert (evaluation["design"], evaluation["n_planned"]) == ("sequential", 60)


@pytest.mark.service
def test_the_forgetful_version_is_red(run: Run, folder: Path) -> None:
    run("init")
    exit_code, report = gate(folder, "--candidate", "forgetful")
    assert exit_code == 1
    assert report["verdict"] in ("regressed", "failed")


def test_a_second_time_changes_nothing(run: Run, folder: Path) -> None:
    run("init")
    before = files(folder)
    result = run("init")
    assert result.exit_code == 0
    assert files(folder) == before
    assert "wrote" not in result.output
    assert "added" not in result.output


def test_no_file_is_overwritten(run: Run, folder: Path) -> None:
    mine = {name: f"mine: {name}\n" for name in ("conftest.py", "suites/foundation/test_capitals.py", ".gitignore")}
    for name, text in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    result = run("init")
    after = files(folder)
    assert after["conftest.py"] == mine["conftest.py"]
    assert after["suites/foundation/test_capitals.py"] == mine["suites/foundation/test_capitals.py"]
    ignored = ".steelyard/\nreports/latest/\nreports/20*/\nreports/history.html\n__pycache__/\n"
    assert after[".gitignore"] == mine[".gitignore"] + ignored
    assert "left   conftest.py" in result.output


@pytest.mark.parametrize("text", ['[project]\r\nname = "mine"  # kept', "tool = { ruff = {} }\n"])
def test_a_pyproject_stays_byte_for_byte(run: Run, folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_bytes(text.encode())
    assert run("init").exit_code == 0
    assert (folder / "pyproject.toml").read_bytes() == text.encode()
    assert set(load_settings(folder).versions) == {"steady", "forgetful"}
    assert (folder / "pytest.ini").read_text(encoding="utf-8") == "[pytest]\naddopts = -p no:deepeval\n"


def test_pytest_settings_of_ones_own_are_left(run: Run, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-ra"\n', encoding="utf-8")
    run("init")
    assert "pytest.ini" not in files(folder)


def test_a_command_that_is_long_is_broken_as_a_shell_reads_it(run: Run, folder: Path) -> None:
    lines = [" ".join(line.split()) for line in run("init", *ENDPOINT).output.splitlines()]
    assert lines[-2:] == ["pytest suites --candidate served-terse \\", "--baseline served one prompt or another"]


def test_settings_of_ones_own_are_left(run: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text('[models.mine]\nengine = "scripted"\ndefault = "yes"\n', encoding="utf-8")
    result = run("init")
    assert set(load_settings(folder).versions) == {"mine"}
    assert "left   steelyard.toml" in result.output
    assert "next   steelyard models" in result.output
    assert "evals/foundation/capitals/answers/steady.json" not in files(folder)


def test_a_pyproject_that_is_no_toml_is_refused_before_anything_is_written(run: Run, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool\n", encoding="utf-8")
    result = run("init")
    assert result.exit_code == 4
    assert "pyproject.toml" in result.stderr
    assert files(folder) == {"pyproject.toml": "[tool\n"}


def test_what_is_wrong_in_a_folder_above_is_no_matter(run: Run, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool\n", encoding="utf-8")
    assert run("init", "nested").exit_code == 0
    assert "steelyard.toml" in files(folder / "nested")


def test_a_second_time_brings_back_the_answers_that_the_settings_name(run: Run, folder: Path) -> None:
    run("init")
    before = files(folder)
    (folder / "evals/foundation/capitals/answers/steady.json").unlink()
    run("init")
    assert files(folder) == before


def test_a_module_whose_name_is_no_bare_key_gives_the_version_another(run: Run, folder: Path) -> None:
    assert run("init", "--engine", "python", "--call", "pkg.ünder:f").exit_code == 0
    assert set(load_settings(folder).versions) == {"application"}


def test_what_is_no_text_is_refused(run: Run, folder: Path) -> None:
    refused = run("init", *ENDPOINT[:-1], "a\udcff")
    assert refused.exit_code == 4
    assert "is no text in UTF-8" in refused.output
    assert files(folder) == {}


def test_a_folder_that_is_missing_is_made(run: Run, folder: Path) -> None:
    result = run("init", "some where/gate")
    assert set(files(folder / "some where" / "gate")) == WRITTEN
    assert "next   cd 'some where/gate'" in result.output


def test_a_folder_that_is_a_file_is_refused(run: Run, folder: Path) -> None:
    (folder / "taken").write_text("", encoding="utf-8")
    result = run("init", "taken")
    assert result.exit_code == 4
    assert "taken is a file" in result.stderr


def test_a_file_in_the_place_of_a_folder_is_an_error_not_a_crash(run: Run, folder: Path) -> None:
    (folder / "evals").write_text("", encoding="utf-8")
    result = run("init")
    assert result.exit_code == 4
    assert "can't be written" in result.stderr


def test_an_endpoint_is_scaffolded_with_two_versions(run: Run, folder: Path) -> None:
    result = run("init", *ENDPOINT, "--api-key-env", "MY_KEY")
    assert result.exit_code == 0
    settings = load_settings(folder)
    assert (settings.baseline, settings.samples) == (None, 1)
    assert settings.versions["served"].engine_options == {
        "base_url": "http://127.0.0.1:8000/v1",
        "model": "my-model",
        "api_key_env": "MY_KEY",
    }
    assert settings.versions["served-terse"].system == "Answer in one word."
    assert not [name for name in files(folder) if "answers" in name]


def test_a_model_name_with_quotes_survives(run: Run, folder: Path) -> None:
    name = 'a "b" \\ c\x7f é 😀'
    run("init", *ENDPOINT[:-1], name)
    assert load_settings(folder).versions["served"].engine_options["model"] == name


def test_an_endpoints_project_says_which_version_is_under_test(run: Run, folder: Path) -> None:
    """Without one, `pytest suites` would refuse to choose between the two."""
    assert "       pytest suites  " in run("init", *ENDPOINT).output
    settings = load_settings(folder)
    assert (settings.candidate, settings.baseline) == ("served", None)


@pytest.mark.service
def test_an_endpoints_project_comes_to_its_first_verdict_with_few_requests(run: Run, folder: Path, loopback) -> None:
    run("init", *ENDPOINT)
    lines = (folder / "evals/foundation/capitals/cases.jsonl").read_text(encoding="utf-8").splitlines()
    answers = {case["prompt"]: f"It is {case['expected']}." for case in map(json.loads, lines)}
    server = loopback(answers=answers)
    settings = (folder / "steelyard.toml").read_text(encoding="utf-8")
    (folder / "steelyard.toml").write_text(settings.replace("http://127.0.0.1:8000/v1", server.base_url), "utf-8")
    exit_code, report = gate(folder)
    assert exit_code == 0
    assert report["verdict"] == "passed"
    assert report["baseline"] is None
    assert server.stats["choices"] == server.stats["requests"] <= 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (ENDPOINT[:4], "needs --base-url"),
        (("--engine", "openai", "--model", "m"), "needs --base-url"),
        (("--engine", "openai", "--base-url", "127.0.0.1/v1", "--model", "m"), "is not an http:// or https:// address"),
        (("--engine", "openai", "--base-url", "http://", "--model", "m"), "names no host"),
        (("--engine", "openai", "--base-url", "http://h/v1?a=b", "--model", "m"), "goes on after its path"),
        ((*ENDPOINT[:4], "--model", " "), "model = ' ' is not a text"),
        ((*ENDPOINT, "--api-key-env", "sk-not-a-variable"), "is not the name of an environment variable"),
        ((*ENDPOINT, "--api-key-env", ""), "api_key_env = '' is not a text"),
        (("--model", "m"), "--model says nothing about --engine scripted: say --engine openai"),
        (("--engine", "python"), "--engine python needs --call"),
        (("--engine", "python", "--call", "bot"), "call = 'bot'"),
        (("--engine", "command", "--call", "a | b"), "has '|' in it, and no shell runs it"),
        (("--call", "bot:answer"), "say --engine python or command"),
    ],
)
def test_options_that_can_not_be_are_usage_errors(
    run: Run, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("init", *arguments)
    assert result.exit_code == 4
    assert message in result.stderr
    assert files(folder) == {}


BOT = """
def answer(question: str) -> str:
    return f"You asked: {question}"
"""


@pytest.mark.service
def test_an_application_comes_to_its_first_verdict(run: Run, folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "bot.py").write_text(BOT, encoding="utf-8")
    result = run("init", "--engine", "python", "--call", "shop.bot:answer")
    assert result.exit_code == 0
    assert {"evals/questions.jsonl", "suites/test_bot.py", "steelyard.toml"} < set(files(folder))
    assert not [name for name in files(folder) if "capitals" in name]
    assert "edit   evals/questions.jsonl" in result.output
    assert "git init -b main" in result.output
    exit_code, report = gate(folder)
    assert (exit_code, report["verdict"], report["candidate"]["name"]) == (0, "passed", "bot")
    assert report["evaluations"][0]["n_samples"] == 40
    assert report["evaluations"][0]["candidate"]["value"] == 0  # nothing is expected yet


def test_a_program_is_an_application_too(run: Run, folder: Path) -> None:
    (folder / ".git").mkdir()
    result = run("init", "--engine", "command", "--call", "python3 bot.py")
    assert result.exit_code == 0
    assert "git init" not in result.output
    assert load_settings(folder).versions["application"].engine_options["command"] == "python3 bot.py"
    assert "suites/test_application.py" in files(folder)


def test_what_was_written_by_hand_is_completed_and_kept(run: Run, folder: Path) -> None:
    """As docs/start.md has it: its settings, questions and suite have the names of the scaffold."""
    (folder / "evals").mkdir()
    (folder / "suites").mkdir()
    mine = {
        "steelyard.toml": '[models.bot]\nengine = "python"\ncall = "bot:answer"\n',
        "evals/questions.jsonl": '{"id": "a", "prompt": "b", "expected": "c"}\n',
        "suites/test_bot.py": "import pytest\n",
    }
    for name, text in mine.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert run("init", "--engine", "python", "--call", "bot:answer").exit_code == 0
    assert {name: files(folder)[name] for name in mine} == mine
