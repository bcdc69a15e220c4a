"""With pytest-xdist: all evaluations go to one worker, so that the host has one engine and one window of requests.

Workers say through a file which of their items are evaluations, and what is wrong with them; the controller ends the
session where something is, before any test runs. The scheduler hands the evaluations out in one piece, and the rest one
by one. The worker's report comes back to the controller, which shows and writes it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin.collection.items import BEGAN, is_evaluation
from harness.plugin.ending import discard_report, prepare_reports
from harness.plugin.options import run_options, runs_bodies
from harness.plugin.outcomes import as_usage

if TYPE_CHECKING:
    from harness.plugin.session import GateSession

_FOLDER = "steelyard_folder"
_WORKERS_END_S = 8.0
"""Seconds that workers may take to end when they are told to, before pytest-xdist ends them in its own way."""


class XdistHooks:
    """Hooks of pytest-xdist, on controller and workers."""

    def __init__(self, session: GateSession) -> None:
        self._session = session
        worker = getattr(session.config, "workerinput", {})
        self._folder = Path(worker[_FOLDER]) if _FOLDER in worker else None
        self._nodes: list[Any] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts."""
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="steelyard-"))
        self._nodes.append(node)
        node.workerinput |= {_FOLDER: str(self._folder), BEGAN: self._session.collection.began}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Called on the controller: schedules as the user chose, with the evaluations kept together."""
        from xdist import scheduler

        chosen = config.getvalue("dist")
        if chosen == "each":
            return None
        kinds = {"loadfile": scheduler.LoadFileScheduling, "loadgroup": scheduler.LoadGroupScheduling}
        base: Any = kinds.get(chosen, scheduler.LoadScopeScheduling)
        folder, one_by_one = self._folder or Path(), chosen in ("load", "worksteal")

        class Scheduler(base):  # type: ignore[misc]
            evaluations: set[str] | None = None

            def _split_scope(self, nodeid: str) -> str:
                if self.evaluations is None:
                    notes = [json.loads(file.read_text()) for file in folder.glob("*.json")]
                    self.evaluations = {name for each in notes for name in each["evaluations"]}
                if nodeid in self.evaluations:
                    return "steelyard evaluations"
                return nodeid if one_by_one else str(super()._split_scope(nodeid))

        return Scheduler(config, log)

    def _note_of(self, node: Any) -> dict[str, Any]:
        """Read what a worker has."""
        assert self._folder is not None
        note: dict[str, Any] = json.loads((self._folder / f"{node.gateway.id}.json").read_text())
        return note

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called on each worker: says which items are evaluations, and what is wrong with them; hears signals."""
        if not self._session.is_worker or self._folder is None:
            return
        collection, evaluations = self._session.collection, list(filter(is_evaluation, session.items))
        note = {
            "evaluations": [item.nodeid for item in evaluations],
            "errors": collection.errors,
            "is_judged": collection.is_judged,
            "n_collected": collection.n_collected,
            "pid": os.getpid(),
        }
        worker = session.config.workerinput["workerid"]  # type: ignore[attr-defined]
        (self._folder / f"{worker}.json").write_text(json.dumps(note))
        if evaluations and runs_bodies(session.config):
            self._session.interrupts.listen()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        """Called on the controller when a worker has collected: the last moment to complain before any test runs."""
        from harness.plugin.loop.interrupts import Interrupted

        note, session = self._note_of(node), self._session
        session.n_collected = max(session.n_collected, note["n_collected"])
        is_asked = note["evaluations"] and runs_bodies(session.config)
        if session.n_chosen or not (is_asked or note["errors"]):
            return
        session.n_chosen = len(note["evaluations"])
        discard_report(session.collection)
        try:
            if not note["errors"]:
                self._check_run(is_judged=note["is_judged"])
        except UsageError as error:
            note["errors"] = [str(error)]
        if note["errors"]:
            raise pytest.UsageError(*as_usage(note["errors"]))
        session.interrupts.raises = Interrupted
        session.interrupts.listen()

    def _check_run(self, *, is_judged: bool) -> None:
        from harness.gate.baselines.recording import recordings_of
        from harness.gate.runs.opening import check_run
        from harness.gate.runs.run import RunOptions
        from harness.plugin.hooks.announcing import find_hooks
        from harness.plugin.loop.driver import shown_builds
        from harness.plugin.tracking import check_trackers

        settings, config = self._session.collection.settings, self._session.config
        find_hooks(config.pluginmanager)
        check_trackers(settings)
        prepare_reports(settings)
        recordings = recordings_of(settings)
        known = RunOptions(n_evaluations=self._session.n_chosen, is_judged=is_judged, recordings=recordings)
        with shown_builds(config) as progress:
            check_run(settings, run_options(config, known), progress)

    def pytest_keyboard_interrupt(self) -> None:
        """Called where the session is interrupted: on the controller ends the workers, before pytest-xdist takes the
        connection to them away, and takes the report of the one that ran evaluations.
        """
        if self._session.interrupts.interrupted_by is None or not self._nodes:
            return
        with suppress(KeyboardInterrupt):
            for node in self._nodes:
                with suppress(OSError, ValueError):  # it has ended, or has collected nothing yet
                    if not node._down:
                        os.kill(self._note_of(node)["pid"], signal.SIGTERM)
            until = time.monotonic() + _WORKERS_END_S
            while not all(node._down for node in self._nodes) and time.monotonic() < until:
                time.sleep(0.05)
        for node in self._nodes:
            self.pytest_testnodedown(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Called on the controller when a worker is done: takes its report."""
        from harness.records.report_json import from_json

        output = getattr(node, "workeroutput", None) or {}
        if output.get("steelyard_report") is not None:
            self._session.outcome.report = from_json(json.loads(output["steelyard_report"]))
        self._session.outcome.problems |= dict.fromkeys(output.get("steelyard_errors", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Called at the end: on a worker packs the report, on the controller sets the exit code of a usage error."""
        outcome = self._session.outcome
        if self._session.is_worker:
            from harness.records.report_json import to_json

            packed = None if outcome.report is None else json.dumps(to_json(outcome.report))
            errors = [*self._session.collection.errors, *outcome.problems]
            session.config.workeroutput |= {"steelyard_errors": errors, "steelyard_report": packed}  # type: ignore[attr-defined]
        if self._session.is_worker or self._folder is None:
            return
        is_asked = self._session.n_chosen and runs_bodies(session.config)
        if is_asked and session.exitstatus == 0 and outcome.report is None:
            outcome.problems["no worker gave a report: the one that ran the evaluations ended too early"] = None
        if outcome.problems:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        outcome.write(session)
        outcome.write_others(session)
        shutil.rmtree(self._folder, ignore_errors=True)
