"""Runs the evaluations of a session: set up together, sampled side by side, each reported as pytest's own item."""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin import live, neighbours
from harness.plugin.collection.copies import copies_lines, near_lines
from harness.plugin.collection.items import Collection, is_evaluation
from harness.plugin.ending import ReportDelivery, discard_report, prepare_reports
from harness.plugin.hooks.announcing import Announcer, HookManager
from harness.plugin.loop.interrupts import InterruptHooks, Interrupts
from harness.plugin.options import runs_bodies
from harness.plugin.outcomes import ENDED, VERDICT, as_usage, classify, conclude, harmless
from harness.plugin.pytest_internals import (
    argument_names,
    call_and_report,
    drop_fixtures,
    shared_parameters,
    skip_item,
    terminal_of,
)

if TYPE_CHECKING:
    from harness.gate.runs.opening import OpenRun
    from harness.plugin.loop.driver import Driver


class GateSession:
    """Everything that Steelyard does in one pytest session (in a worker of xdist: in that worker)."""

    NAME = "steelyard-gate"

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.collection = Collection(config, classify)
        self.outcome = ReportDelivery(self.collection)
        self.interrupts = Interrupts()
        self._hears = False
        self._opened: OpenRun | None = None
        self._driver: Driver | None = None
        self._announcer: Announcer | None = None
        self._tree: live.SetupTree | None = None
        self._setups: dict[pytest.Item, pytest.TestReport] = {}
        self._batches: dict[pytest.Item, list[str]] = {}
        self._n_inconclusive = 0
        self._n_unreached = 0

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker process of xdist."""
        return hasattr(self.config, "workerinput")

    # -- collection -------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Called for each item that is collected: an evaluation is of the family, also where it is left out later."""
        self.collection.take_in(item)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called with all items: checks every evaluation, and drops those without a case by `--case`."""
        left_out = self.collection.gather(items)
        if left_out:
            self.config.hook.pytest_deselected(items=left_out)
            dropped = set(left_out)
            items[:] = [item for item in items if item not in dropped]
        for item in filter(is_evaluation, items):
            item.runtest = functools.partial(self._decide, item)  # type: ignore[method-assign]

    def pytest_report_collectionfinish(self) -> list[str]:
        """Called after collection, for lines of the terminal: which evaluations have copies among their cases, or check
        nothing themselves, and what other plugins make of a run.
        """
        evaluations = self.collection.evaluations
        lines = [*copies_lines(evaluations.values()), *(f"steelyard: {note}" for note in self.collection.notes)]
        if evaluations and runs_bodies(self.config):
            lines += near_lines(evaluations.values())
            names = neighbours.keepers(self.config)
            if names and len(evaluations) > 1:
                lines.append(neighbours.keepers_line(names))
        return lines

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection: the last moment to complain before anything is paid for."""
        chosen = set(session.items)
        self.collection.evaluations = {
            item: evaluation for item, evaluation in self.collection.evaluations.items() if item in chosen
        }
        if self.collection.evaluations:
            self._tree = None if neighbours.keepers(self.config) else live.grow_tree(session)
        if self.is_worker:
            return
        if (self.collection.errors or self.collection.evaluations) and runs_bodies(self.config):
            discard_report(self.collection)
        if self.collection.errors:
            raise pytest.UsageError(*as_usage(self.collection.errors))
        if self.collection.evaluations and runs_bodies(self.config) and not session.testsfailed:
            try:
                self._open()
            except UsageError as error:
                raise pytest.UsageError(*as_usage([str(error)])) from None

    def hear_signals(self) -> None:
        """End the session as Ctrl-C does where SIGTERM comes, from now on."""
        if not self._hears:
            self._hears = True
            self.interrupts.listen()
            self.config.pluginmanager.register(InterruptHooks(self.config, self.interrupts))

    def _open(self) -> None:
        """Open the run. Everything heavy is imported here and below."""
        from harness.gate.runs.opening import open_run
        from harness.plugin.loop.building import shown_builds
        from harness.plugin.loop.driver import Driver
        from harness.reporting.shared.text import wrap
        from harness.scoring.sandbox import sandbox_of_run

        settings = self.collection.settings
        manager = HookManager(self.config.pluginmanager)
        self.hear_signals()
        if not self.is_worker:
            prepare_reports(settings)
        sandbox_of_run.set(settings.sandbox)
        with shown_builds(self.config) as progress:
            self._opened = open_run(settings, self.collection.run_options, progress)
        self.collection.evaluations = dict(zip(self.collection.evaluations, self._opened.evaluations, strict=True))
        self._driver = Driver(self.config, self._opened, self.interrupts)
        ids = tuple(evaluation.id for evaluation in self.collection.evaluations.values())
        self._announcer = Announcer(self.config, self._opened, ids, manager)
        self._announcer.started()
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self.is_worker:
            return
        for text in self._opened.told:
            for line in wrap(f"steelyard: {text}", terminal_of(reporter).width):
                reporter.write_line(line)

    # -- running ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Called for each item in turn. For an evaluation: sets up all that can live beside it and starts their
        samples, waits for them, and then reports setup, call and teardown of this one.

        Where none can be live beside it, the protocol is pytest's own, and it is sampled in its call.
        """
        if not is_evaluation(item):
            return None
        if self.is_worker and self._opened is None and runs_bodies(self.config) and not self.collection.errors:
            try:
                self._open()
            except UsageError as error:
                self.collection.errors.append(str(error))
        if self._tree is None:
            return None
        if item not in self._setups:
            self._look_ahead(item)
        self._wait(item)
        self._report(item, nextitem)
        return True

    def _look_ahead(self, first: pytest.Item) -> None:
        """Set up this evaluation and those after it, up to one that can't be live beside them; start their samples."""
        batch: list[str] = []
        shared: dict[str, int] = {}
        items = first.session.items
        for item in items[items.index(first) :]:
            own = shared_parameters(item)
            if item is not first and any(shared.get(name, index) != index for name, index in own.items()):
                break
            if not is_evaluation(item) or item in self._setups:
                continue
            assert isinstance(item, pytest.Function)
            alone = live.runs_alone(item)
            if item is not first and alone:
                break
            shared.update(own)
            self._set_up(item, batch)
            if alone:
                break

    def _set_up(self, item: pytest.Function, batch: list[str]) -> None:
        self._setups[item] = report = call_and_report(item, "setup", log=False)
        self._batches[item] = batch
        assert self._tree is not None
        self._tree.keep(item)
        evaluation = self.collection.evaluations.get(item)
        if evaluation is None or self._opened is None or self._driver is None:
            return
        if report.failed:
            self._fail_setup(item)
        elif report.passed:
            self._begin(item, batch)

    def _fail_setup(self, item: pytest.Item) -> None:
        evaluation = self.collection.evaluations.get(item)
        if evaluation is not None and self._opened is not None:
            self._opened.run.fail(evaluation, "its setup failed, see the error of the test")
            self._announce()

    def _begin(self, item: pytest.Function, batch: list[str]) -> None:
        """Start the samples of an evaluation that is set up."""
        assert self._opened is not None
        assert self._driver is not None
        evaluation = self.collection.evaluations[item]
        names = (name for name in argument_names(item) if name not in evaluation.wants)
        arguments = {name: item.funcargs[name] for name in names}
        self._driver.call_soon(self._opened.run.start, replace(evaluation, arguments=arguments))
        batch.append(evaluation.id)

    def _wait(self, item: pytest.Item) -> None:
        """Wait until the item's batch is sampled; what goes wrong is raised by the item's call."""
        if self._opened is None or self._driver is None or item not in self.collection.evaluations:
            return
        from harness.plugin.loop.driver import captured

        together = self._decided_with(item)
        if not together:
            return
        with captured(item) if self._tree is not None else nullcontext():
            try:
                self._driver.complete(self._opened.run.decide(together))
                self._announce()
            except Exception as error:  # noqa: BLE001 - kept for the call, where pytest reports it
                item.stash[_FAILURE] = error

    def _announce(self) -> None:
        """Tell plugins what was decided."""
        if self._announcer is not None:
            self._announcer.decided()

    def _decided_with(self, item: pytest.Item) -> Sequence[str]:
        """The evaluations whose verdicts are found together: the batch; with -x each by itself, so that it can stop."""
        own = self.collection.evaluations[item].id
        batch = self._batches[item]
        if own not in batch or self._opened is None or self._opened.run.verdicts(own):
            return []
        return [own] if self.config.getvalue("maxfail") else batch

    def _decide(self, item: pytest.Item) -> None:
        """The call of an evaluation: pass or fail as its verdict says."""
        if self._tree is None and item in self.collection.evaluations and self._opened is not None:
            assert isinstance(item, pytest.Function)
            if item not in self._batches:
                self._batches[item] = []
                self._begin(item, self._batches[item])
            self._wait(item)
        if item.stash.get(_FAILURE, None) is not None:
            raise item.stash[_FAILURE]
        if self._opened is None:
            pytest.fail("\n".join(self.collection.errors), pytrace=False)
        run = self._opened.run
        identity = self.collection.evaluations[item].id
        verdicts, lacking = run.verdicts(identity), run.skipped(identity)
        if lacking is not None:
            skip_item(lacking)
        conclude(item, run, verdicts, self.collection.settings.inconclusive)

    def _report(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """pytest's own protocol, with the setup that has already happened."""
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        setup = self._setups[item]
        hook.pytest_runtest_logreport(report=setup)
        if setup.passed and not self.config.option.setuponly:
            call_and_report(item, "call")
        if item.session.shouldfail or item.session.shouldstop:
            nextitem = None
            self._stop(item)
        assert self._tree is not None
        self._tree.release(item)
        call_and_report(item, "teardown", nextitem=nextitem)
        assert isinstance(item, pytest.Function)
        drop_fixtures(item)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _stop(self, last: pytest.Item) -> None:
        """Stop what is under way: the session ends before all evaluations were reported, as with -x."""
        items = last.session.items
        self._n_unreached = sum(item in self.collection.evaluations for item in items[items.index(last) + 1 :])
        if self._opened is not None:
            self._opened.run.abandon()
        if self._tree is not None:
            self._tree.release_all()

    # -- reports ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Called for each phase of an item: an evaluation's report gets its verdict and the time that it took."""
        report = yield
        if call.when == "setup" and report.failed and self._tree is None and self._opened is not None:
            self._fail_setup(item)
        if call.when == "call" and item in self.collection.evaluations and self._opened is not None:
            report.sections = [(title, harmless(text)) for title, text in report.sections]
            report.duration = self._opened.run.duration_s(self.collection.evaluations[item].id)
            verdict = item.stash.get(VERDICT, None)
            if verdict is not None:
                report.steelyard_verdict = verdict  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, Any] | None:
        """Called for each report: the word and letter of an evaluation that did not pass are its verdict's."""
        verdict = getattr(report, "steelyard_verdict", None)
        if verdict is None or report.when != "call" or not report.failed:
            return None
        if verdict == "inconclusive":
            return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
        return "failed", "F", verdict.upper()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for each report, on the controller for those of all workers: counts the inconclusive."""
        if getattr(report, "steelyard_verdict", None) == "inconclusive" and report.failed:
            self._n_inconclusive += 1

    # -- the end ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Called once at the end, also when interrupted: sets the exit code, writes the report, closes everything."""
        if self._tree is not None:
            self._tree.release_all()
        with self.interrupts.unheard():
            self._finish(session, int(exitstatus))
        if self._opened is not None and self._driver is not None and self.outcome.report is not None:
            self.outcome.keep(session, self._opened, self._driver)
            if not self.is_worker:
                self.outcome.write_others(session)
            if self._announcer is not None:
                self._announcer.finished(self.outcome.report)

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._opened is not None:
            self._opened.run.interrupt()
            is_cut = exitstatus == pytest.ExitCode.INTERRUPTED
            if is_cut or (self._tree is None and (session.shouldfail or session.shouldstop)):
                run, evaluations = self._opened.run, self.collection.evaluations.values()
                ids = (evaluation.id for evaluation in evaluations)
                self._n_unreached = sum(not run.verdicts(name) and run.skipped(name) is None for name in ids)
        is_asked = bool(self.collection.evaluations) and runs_bodies(self.config)
        if exitstatus == 0 and is_asked and not self._has_run and self._lacks_everything:
            exitstatus = int(pytest.ExitCode.NO_TESTS_COLLECTED)
        only_inconclusive = session.testsfailed == self._n_inconclusive
        session.exitstatus = self.outcome.exit_code(exitstatus, self._opened, only_inconclusive)
        if self._opened is not None and self._driver is not None:
            self.outcome.take(self._opened, self._driver, int(session.exitstatus), self._n_unreached)
            if not self.is_worker:
                self.outcome.write(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Called at the end of the terminal's output: the table of verdicts."""
        if self.is_worker:
            return
        self.outcome.show(terminalreporter)
        if self.collection.n_collected and not self._has_run and runs_bodies(self.config) and exitstatus in ENDED:
            told = neighbours.none_ran(self.collection.n_collected, len(self.collection.evaluations))
            terminalreporter.write_line(told)

    @property
    def _lacks_everything(self) -> bool:
        """True where each evaluation was skipped, because the candidate has nothing of what it takes."""
        if self._opened is None:
            return False
        run = self._opened.run
        return all(run.skipped(each.id) is not None for each in self.collection.evaluations.values())

    @property
    def _has_run(self) -> bool:
        return self._opened is not None and bool(self._opened.run.all_verdicts)


_FAILURE = pytest.StashKey[Exception]()
