"""`steelyard load` as a person and as a script use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli.load import planned
from harness.stages.inference.load.plan import LoadPlan
from tests.cli.conftest import Run
from tests.loopback.law import LawProcess, law_server
from tests.waiting import wait_until

pytestmark = pytest.mark.service

SETTINGS = """
[models.served]
engine = "openai"
base_url = "{base_url}"
model = "law"
sampling = {{ max_tokens = 4 }}

[models.answers]
engine = "scripted"
answers = {{ "a" = "b" }}
"""
LATENCIES = ("schedule_delay_s", "ttft_s", "ttft_scheduled_s", "itl_s", "tpot_s", "e2e_s")
KEYS = {
    *("valid", "invalid_reasons", "requests", "completed", "errors", "duration_s", "rate_planned", "rate_achieved"),
    *("output_tokens_per_s", "requests_per_s", "goodput_per_s", "prompt_tokens", "completion_tokens", "client_cpu"),
    *("notes", "server", "others_cpu", "steal", "energy_j", "interrupted", "by_server", *LATENCIES),
}
NOISY = ("--accept", "machine", "--accept", "steal", "--accept", "schedule", "--accept", "client")


@pytest.fixture(scope="module")
def server() -> Iterator[LawProcess]:
    with law_server(median_s=0.03, sigma=0.3, itl_s=0.005, tokens=4) as process:
        yield process


@pytest.fixture
def project(folder: Path, server: LawProcess) -> Path:
    (folder / "steelyard.toml").write_text(SETTINGS.format(base_url=server.base_url), encoding="utf-8")
    return folder


@pytest.mark.usefixtures("project")
def test_the_json_has_its_keys_and_a_valid_run_exits_with_0(run: Run) -> None:
    done = run("load", "served", "--rate", "60", "--requests", "40", *NOISY, "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0, document["invalid_reasons"]
    assert set(document) == KEYS
    for key in LATENCIES:
        assert list(document[key]) == ["mean", "p50", "p90", "p95", "p99", "max", "n"]
    assert document["valid"] is True
    assert document["requests"] == document["completed"] == 40
    assert document["rate_planned"] == 60
    assert document["completion_tokens"] == 160
    assert [document[name]["n"] for name in LATENCIES] == [40, 40, 40, document["itl_s"]["n"], 40, 40]
    assert document["ttft_s"]["p90"] is not None
    assert document["ttft_s"]["p99"] is None
    assert any("p99 (299)" in note for note in document["notes"])


def test_what_a_version_is_made_of_is_built_first(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bm25s")
    monkeypatch.setenv("STEELYARD_CACHE", str(project / "cache"))
    (project / "p.jsonl").write_text('{"id": "hours", "text": "Open from nine to six."}\n', encoding="utf-8")
    desk = '[models.desk]\nbase = "served"\nretrieval = { passages = "p.jsonl", k = 1 }\n'
    (project / "steelyard.toml").write_text((project / "steelyard.toml").read_text("utf-8") + desk, encoding="utf-8")
    assert json.loads(run("models", "desk", "--json").stdout)[0]["state"] == "to be built"
    run("load", "desk", "--rate", "60", "--requests", "4", *NOISY, "--json")
    assert json.loads(run("models", "desk", "--json").stdout)[0]["built"]


def test_what_takes_no_load_is_refused_before_anything_is_built(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(project / "cache"))
    (project / "p.jsonl").write_text('{"id": "hours", "text": "Open from nine to six."}\n', encoding="utf-8")
    desk = '[models.desk]\nbase = "answers"\nretrieval = { passages = "p.jsonl", k = 1 }\n'
    (project / "steelyard.toml").write_text((project / "steelyard.toml").read_text("utf-8") + desk, encoding="utf-8")
    done = run("load", "desk", "--rate", "1")
    assert done.exit_code == 4
    assert "has the engine 'scripted' and no address" in done.output
    (state,) = [each["state"] for each in json.loads(run("models", "--json").stdout) if each["name"] == "desk"]
    assert state == "to be built"


@pytest.mark.usefixtures("project")
def test_people_are_shown_a_table_that_fits(run: Run) -> None:
    done = run("load", "served", "--concurrency", "4", "--requests", "60", "--objective", "ttft=1,itl=1", *NOISY)
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0] == "steelyard load   served   4 in flight   seed 0"
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("first token  ") for line in lines)
    assert "60 of 60 answered" in done.stdout
    assert "requests/s keep ttft 1 s, itl 1 s" in done.stdout
    assert lines[-1].startswith("valid") or lines[-2].startswith("valid")


@pytest.mark.usefixtures("project")
def test_prompts_come_from_a_file(run: Run, project: Path) -> None:
    (project / "prompts.txt").write_text("one two\nthree\n", encoding="utf-8")
    done = run("load", "served", "--rate", "50", "--requests", "4", "--prompts", "prompts.txt", *NOISY, "--json")
    assert json.loads(done.stdout)["prompt_tokens"] == 6


@pytest.mark.usefixtures("project")
def test_a_run_that_cannot_be_trusted_exits_with_1_and_says_why(run: Run, tmp_path: Path) -> None:
    with law_server(counters=True, tokens=4, hits=0.9) as other:
        settings = SETTINGS.format(base_url=other.base_url)
        Path("steelyard.toml").write_text(settings, encoding="utf-8")
        done = run("load", "served", "--rate", "60", "--requests", "10", *NOISY)
    assert done.exit_code == 1
    assert "INVALID   A cache answered 90% of the prompts' tokens" in done.stdout
    assert "--cached" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("served", "--rate", "0"), "rate = 0.0 is not above 0"),
        (("served",), "A load has one of rate and concurrency, and none is given. Give a rate (--rate 2.5, "),
        (("served", "--rate", "1", "--objective", "speed=3"), "No objective named 'speed'"),
        (("served", "--rate", "1", "--objective", "ttft=0.5,ttft=1"), "sets ttft to two values"),
        (("served", "--rate", "1", "--prompt-tokens", "99999999999"), "prompt_tokens = 99999999999 is above 1000000"),
        (("served", "--rate", "1", "--prompts", "none.txt"), "none.txt can't be read: No such file"),
        (("servd", "--rate", "1"), "Did you mean 'served'?"),
        (("answers", "--rate", "1"), "has the engine 'scripted' and no address"),
    ],
)
@pytest.mark.usefixtures("project")
def test_bad_input_is_refused_before_any_load(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("load", *arguments)
    assert done.exit_code == 4
    assert said in done.output


def test_a_server_that_is_not_there_is_told(run: Run, folder: Path) -> None:
    settings = SETTINGS.format(base_url="http://127.0.0.1:1/v1")
    (folder / "steelyard.toml").write_text(settings, encoding="utf-8")
    done = run("load", "served", "--rate", "1")
    assert done.exit_code == 1
    assert "No server answers at http://127.0.0.1:1/v1" in done.output


def test_answers_are_as_long_as_the_version_says_unless_an_option_does() -> None:
    options: dict[str, Any] = {"prompts": None, "objective": None, "timeout_s": 5.0, "accept": ()}
    assert planned({**options, "output_tokens": None, "rate": 1.0}, {"max_tokens": 7}).output_tokens == 7
    assert planned({**options, "output_tokens": None, "rate": 1.0}, {}).output_tokens == 64
    plan = planned({**options, "output_tokens": 3, "rate": 1.0, "objective": "itl=0.2"}, {"max_tokens": 7})
    assert plan == LoadPlan(rate=1.0, output_tokens=3, timeout_s=5.0, objective={"itl": 0.2})


@pytest.mark.nightly
def test_ctrl_c_shows_what_was_measured_until_then(project: Path, server: LawProcess) -> None:
    before = len(server.drawn())
    code = "from harness.cli import main; main()"
    command = [sys.executable, "-c", code, "load", "served", "--rate", "50", "--seconds", "600", "--json"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: len(server.drawn()) >= before + 50 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2, stderr
    document = json.loads(stdout)
    assert document["valid"] is False
    assert "The run was ended before all was measured (Ctrl-C)" in document["invalid_reasons"][0]
    assert 0 < document["completed"] <= document["requests"] < 15_000
    assert document["requests"] == document["completed"] + sum(document["errors"].values())
    assert set(document["errors"]) <= {"unfinished"}
