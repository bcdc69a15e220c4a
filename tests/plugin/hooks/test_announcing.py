"""Plugins are told what happens in a gate, and can't change it."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

NOTING = """
    import json

    def note(config, *what):
        with (config.rootpath / "told.jsonl").open("a") as stream:
            stream.write(json.dumps(what) + "\\n")

    def pytest_configure(config):
        config.pluginmanager.register(Noting(config), "noting")

    class Noting:
        def __init__(self, config):
            self.config = config

        def steelyard_gate_started(self, gate):
            note(self.config, "started", gate.run_id, gate.candidate.name, list(gate.evaluations))

        def steelyard_evaluation_decided(self, gate, verdicts):
            note(self.config, "decided", gate.run_id, verdicts[0].id, [str(v.verdict) for v in verdicts])

        def steelyard_gate_finished(self, report):
            note(self.config, "finished", report.run_id, report.exit_code, str(report.verdict))
"""
TWO = """
    CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

    @pytest.mark.evaluation(cases=CASES, threshold=0.5)
    def test_green(model, case):
        assert model.ask(case.prompt) == "yes"

    @pytest.mark.evaluation(cases=CASES, threshold=0.5)
    def test_red(model, case):
        assert model.ask(case.prompt) == "no"
"""


def told(project: Project) -> list[Any]:
    path = project.path / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def gate(project: Project) -> Project:
    project.module(TWO)
    return project


def test_a_conftest_is_told_of_start_verdicts_and_end_each_once(gate: Project) -> None:
    gate.write("conftest.py", NOTING)
    assert gate.run().ret == 1
    run_id, ids = gate.report()["run_id"], ["test_it.py::test_green", "test_it.py::test_red"]
    assert told(gate) == [
        ["started", run_id, "only", ids],
        ["decided", run_id, ids[0], ["passed"]],
        ["decided", run_id, ids[1], ["failed"]],
        ["finished", run_id, 1, "failed"],
    ]


@pytest.mark.parametrize("line", ["raise ValueError('mine')", "pytest.fail('mine')", "import sys; sys.exit('mine')"])
def test_what_a_hook_raises_is_told_once_and_changes_nothing(gate: Project, line: str) -> None:
    gate.write(
        "conftest.py",
        dedent(NOTING)
        + dedent(
            f"""
            def steelyard_gate_started(gate):
                {line}

            def steelyard_evaluation_decided(verdicts):
                {line}

            def steelyard_gate_finished(report):
                {line}
            """
        ),
    )
    result = gate.run()
    assert result.ret == 1
    assert gate.verdicts() == {"test_green": "passed", "test_red": "failed"}
    assert [entry[0] for entry in told(gate)] == ["started", "decided", "decided", "finished"]
    text = result.stdout.str()
    for hook in ("steelyard_gate_started", "steelyard_evaluation_decided", "steelyard_gate_finished"):
        assert text.count(f" in {hook}: mine. No verdict depends on it.") == 1
    assert f"{gate.path}/conftest.py raised " in text


def test_the_last_plugin_is_told_first_unless_its_decorator_says_otherwise(gate: Project) -> None:
    gate.write(
        "conftest.py",
        """
        import pathlib, pytest

        def note(name):
            with pathlib.Path("order").open("a") as log:
                log.write(name + " ")

        def noting(name, **turn):
            class Plugin:
                @pytest.hookimpl(**turn)
                def steelyard_gate_started(self):
                    note(name)

            return Plugin()

        def pytest_configure(config):
            for each in (noting("first", tryfirst=True), noting("a"), noting("b"), noting("last", trylast=True)):
                config.pluginmanager.register(each)
        """,
    )
    gate.run()
    assert (gate.path / "order").read_text() == "first b a last "


def test_a_hook_can_t_change_a_verdict_or_a_report(gate: Project) -> None:
    gate.write(
        "conftest.py",
        """
        def steelyard_evaluation_decided(verdicts):
            verdicts[0].verdict = "passed"

        def steelyard_gate_finished(report):
            report.exit_code = 0
        """,
    )
    result = gate.run()
    assert result.ret == 1
    assert gate.report()["exit_code"] == 1
    assert result.stdout.str().count("raised FrozenInstanceError") == 2


def test_an_evaluation_that_could_not_be_set_up_is_told_too(gate: Project) -> None:
    gate.write("conftest.py", NOTING)
    gate.write(
        "test_it.py",
        """
        @pytest.fixture
        def broken():
            raise RuntimeError("not today")

        @pytest.mark.evaluation(cases=[{"id": "c", "prompt": "q"}])
        def test_broken(model, case, broken):
            assert model.ask(case.prompt)
        """,
    )
    assert gate.run().ret == 1
    assert [entry[3] for entry in told(gate) if entry[0] == "decided"] == [["error"]]


@pytest.mark.nightly
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (
            "steelyard_gate_finished(verdict)",
            "steelyard_gate_finished: No argument named 'verdict'. Arguments: gate, report",
        ),
        ("steelyard_gate_began(gate)", "No hook named 'steelyard_gate_began'. Hooks: steelyard_evaluation_decided"),
        ("steelyard_gates_started(gate)", "No hook named 'steelyard_gates_started'."),
        ("steelyard_verdict()", "No hook named 'steelyard_verdict'."),
        ("steelyard_gate_started(gate): yield", "steelyard_gate_started is a wrapper"),
    ],
)
def test_a_hook_or_an_argument_that_there_is_not_is_refused_before_anything_is_opened(
    gate: Project, hook: str, message: str, workers: tuple[str, ...]
) -> None:
    gate.write("conftest.py", f"def {hook if 'yield' in hook else hook + ': ...'}\n")
    result = gate.run(*workers)
    assert result.ret == 4
    assert message in " ".join(result.stderr.str().split())
    assert not (gate.path / "reports" / "latest" / "report.json").exists()
    assert not gate.store.exists()


@pytest.mark.nightly
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_tracker_that_there_is_not_is_refused_before_anything_is_opened(
    gate: Project, workers: tuple[str, ...]
) -> None:
    gate.settings["trackers"] = {"dairy": {}}
    result = gate.run(*workers)
    assert result.ret == 4
    assert "trackers.dairy: No tracker named 'dairy'" in " ".join(result.stderr.str().split())
    assert not gate.store.exists()


@pytest.mark.parametrize("options", [("--collect-only",), ("-k", "nothing"), ("--candidate", "nobody")])
def test_no_hook_is_called_where_no_gate_runs(gate: Project, options: tuple[str, ...]) -> None:
    gate.write("conftest.py", NOTING)
    gate.run(*options)
    assert told(gate) == []
