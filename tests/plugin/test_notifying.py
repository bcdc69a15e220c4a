"""The web hook: what it is told, and that nothing depends on it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.config import Settings
from harness.records import Report, ReviewSummary, Waiver
from harness.reporting.notifying import notify
from tests.decisions.observations import replace
from tests.plugin.projects import Project
from tests.plugin.verdicts import RED_AND_GREEN
from tests.reporting import example_reports as examples

SECRET = "/services/T0/s3cr3t"


class Hook(ThreadingHTTPServer):
    """A server on the loopback interface that answers with one status after the other, the last one for ever.

    Attributes:
        received: what was sent, each once.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Any] = []
        self.statuses = [204]
        self.silent = threading.Event()
        self.silent.set()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def settings(self, **more: Any) -> Settings:
        return Settings(Path(), notify=f"http://127.0.0.1:{self.server_port}{SECRET}", **more)


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        assert self.path == SECRET
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.silent.wait(60)
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Location", SECRET)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    yield server
    server.silent.set()
    server.shutdown()
    server.server_close()


def told(hook: Hook, report: Report, **settings: Any) -> dict[str, Any]:
    assert notify(report, hook.settings(**settings)) == ""
    (received,) = hook.received
    return dict(received)


def test_what_is_told_of_a_gate(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    report = examples.red()
    kinds = [str(each.verdict) for each in report.evaluations]
    waivers = (
        Waiver(next(each.id for each in report.evaluations if each.verdict == "regressed"), "why", "2026-12-15"),
    )
    found = told(hook, replace(report, waivers=waivers), review_url="https://review.example.org")
    assert found.pop("text").startswith("RED: ")
    assert found == {
        "event": "decided",
        "run_id": report.run_id,
        "candidate": report.candidate.name,
        "baseline": report.baseline.name if report.baseline else None,
        "verdict": str(report.verdict),
        "exit_code": 1,
        "counts": {**{kind: kinds.count(kind) for kind in kinds}, "accepted": 1},
        "labels_waiting": 0,
        "review": "https://review.example.org",
        "report": "https://github.com/a/b/actions/runs/7",
    }


def test_labels_that_wait_are_an_event_of_their_own(hook: Hook) -> None:
    entry = examples.inconclusive()
    review = ReviewSummary("1f0c", "uncertain", 0, 0, n_waiting=20, wait_s=300.0)
    found = told(hook, replace(examples.undecided(), evaluations=(replace(entry, review=review),)))
    assert (found["event"], found["labels_waiting"]) == ("labels_wait", 20)


def test_it_tries_twice_and_tells_the_host_alone(hook: Hook) -> None:
    hook.statuses = [500, 204]
    assert notify(examples.green(), hook.settings()) == ""
    hook.statuses = [503, 404, 204]
    wrong = notify(examples.green(), hook.settings())
    assert wrong == f"127.0.0.1 was not told of run {examples.green().run_id}: it answered 404"
    assert len(hook.received) == 4
    hook.statuses = [302, 204]
    assert notify(examples.green(), hook.settings()).endswith("it answered 302")
    assert len(hook.received) == 5


def test_a_hook_that_does_not_answer_is_left_alone(hook: Hook) -> None:
    hook.silent.clear()
    assert notify(examples.green(), hook.settings(), limit_s=0.1).endswith("it took longer than 0.1 s")
    assert len(hook.received) <= 1
    hook.server_close()
    assert "it can't be reached (" in notify(examples.green(), hook.settings())


@pytest.mark.parametrize("address", [None, "none"])
def test_nobody_is_told_where_nobody_is_named(address: str | None) -> None:
    assert notify(examples.green(), Settings(Path(), notify=address)) == ""


def test_a_gate_tells_its_hook_and_its_verdict_does_not_depend_on_that(
    project: Project, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.module(RED_AND_GREEN)
    project.settings["notify"] = hook.settings().notify
    assert project.run("-k", "green or free").ret == 0
    assert [each["counts"] for each in hook.received] == [{"passed": 2, "accepted": 0}]
    hook.statuses = [500]
    result = project.run("-k", "green or red")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["WARNING: 127.0.0.1 was not told of run *: it answered 500"])
    for path in project.path.rglob("*"):
        if path.is_file() and path.name != "steelyard.toml":
            assert SECRET.encode() not in path.read_bytes()
    assert SECRET not in result.stdout.str()
    project.run("--collect-only")
    project.run("-k", "plain")
    assert len(hook.received) == 3
    monkeypatch.chdir(project.path)
    resumed = CliRunner().invoke(main, ["gate", "--resume", project.report()["run_id"]])
    assert (resumed.exit_code, len(hook.received)) == (1, 5)
    assert "WARNING: 127.0.0.1 was not told of run" in resumed.stderr
