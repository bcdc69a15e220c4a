"""Runs the evaluations of a session: sampled side by side, each reported as pytest's own item."""

from __future__ import annotations

import functools
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin import window
from harness.plugin.collection.copies import copies_lines, near_lines
from harness.plugin.collection.items import Collection, is_evaluation
from harness.plugin.ending import ReportDelivery, discard_report, prepare_reports
from harness.plugin.loop.interrupts import InterruptHooks, Interrupts
from harness.plugin.options import runs_bodies
from harness.plugin.outcomes import ENDED, VERDICT, as_usage, conclude, harmless, refusing, session_exit_code
from harness.plugin.pytest_internals import argument_names, skip_item, terminal_of

if TYPE_CHECKING:
    from harness.gate.evaluations.evaluation import Evaluation
    from harness.plugin.loop.driver import Driver


class GateSession:
    """Everything that Steelyard does in one pytest session (in a worker of xdist: in that worker)."""

    NAME = "steelyard-gate"

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.collection = Collection(config)
        self.outcome = ReportDelivery(self.collection)
        self.interrupts = Interrupts()
        self._driver: Driver | None = None
        self._windows: dict[pytest.Item, list[str]] = {}
        self.n_collected = self.n_chosen = 0  # evaluations; on the controller of xdist those of its workers
        self._n_inconclusive = 0
        self._n_unreached = 0

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker process of xdist."""
        return hasattr(self.config, "workerinput")

    @property
    def is_asked(self) -> bool:
        """Whether there are evaluations to run, and not only to list."""
        return bool(self.collection.evaluations) and runs_bodies(self.config)

    # -- collection -------------------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called with all items: checks every evaluation, and drops those without a case by `--case`."""
        left_out = self.collection.gather(items)
        if left_out:
            self.config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in set(left_out)]
        for item in filter(is_evaluation, items):
            item.runtest = functools.partial(self._decide, item)  # type: ignore[method-assign]

    def pytest_report_collectionfinish(self) -> list[str]:
        """Called after collection, for lines of the terminal: which evaluations have copies among their cases, or
        cases that resemble each other, or check nothing themselves, and which are not sampled together.
        """
        evaluations = self.collection.evaluations.values()
        lines = [*copies_lines(evaluations), *(f"steelyard: {note}" for note in self.collection.notes)]
        if self.is_asked:
            lines += near_lines(evaluations)
            lines += window.in_place_line(filter(is_evaluation, self.collection.evaluations))
        return lines

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection: the last moment to complain before anything is paid for."""
        collection, chosen = self.collection, set(session.items)
        collection.evaluations = {item: each for item, each in collection.evaluations.items() if item in chosen}
        self.n_collected, self.n_chosen = collection.n_collected, len(collection.evaluations)
        if self.is_worker:
            return
        if (collection.errors or collection.evaluations) and runs_bodies(self.config):
            discard_report(collection)
        if collection.errors:
            raise pytest.UsageError(*as_usage(collection.errors))
        if self.is_asked and not session.testsfailed:
            with refusing():
                self._open()

    def hear_signals(self) -> None:
        """End the session as Ctrl-C does where SIGTERM comes, from now on."""
        if not self.config.pluginmanager.hasplugin(InterruptHooks.NAME):
            self.interrupts.listen()
            self.config.pluginmanager.register(InterruptHooks(self.config, self.interrupts), InterruptHooks.NAME)

    def _open(self) -> None:
        """Open the run. Everything heavy is imported here and below."""
        from harness.gate.runs.opening import open_run
        from harness.plugin.hooks.announcing import Announcer, HookManager
        from harness.plugin.loop.driver import Driver, shown_builds
        from harness.reporting.shared.text import wrap
        from harness.scoring.sandbox import sandbox_of_run

        settings, manager = self.collection.settings, HookManager(self.config.pluginmanager)
        self.hear_signals()
        if not self.is_worker:
            prepare_reports(settings)
        sandbox_of_run.set(settings.sandbox)
        with shown_builds(self.config) as progress:
            opened = open_run(settings, self.collection.run_options, progress)
        ids = tuple(evaluation.id for evaluation in self.collection.evaluations.values())
        announcer = Announcer(self.config, opened, ids, manager)
        self._driver = Driver(self.config, opened, self.interrupts, announcer)
        announcer.started()
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self.is_worker:
            return
        for text in opened.told:
            for line in wrap(f"steelyard: {text}", terminal_of(reporter).width):
                reporter.write_line(line)

    # -- running ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Called for each item in turn: in a worker of xdist the first evaluation opens the run."""
        if not (self.is_worker and is_evaluation(item) and self._driver is None and runs_bodies(self.config)):
            return
        if not self.collection.errors:
            try:
                self._open()
            except UsageError as error:
                self.collection.errors.append(str(error))

    def _decide(self, item: pytest.Function) -> None:
        """The call of an evaluation: pass or fail as its verdict says. The first samples all that can be sampled with
        it; with -x its own verdict alone is waited for, so that it can stop.
        """
        if self._driver is None:
            pytest.fail("\n".join(self.collection.errors), pytrace=False)
        run, own = self._driver.run, self.collection.evaluations[item].id
        try:
            starting = [] if item in self._windows else self._window(item)
            if not run.verdicts(own):
                ids = [own] if self.config.getvalue("maxfail") else self._windows[item]
                self._driver.decide(starting, ids)
        except KeyboardInterrupt:
            if self.config.getvalue("usepdb"):  # pytest goes on after its debugger, and a run that was ended can't
                item.session.shouldstop = "interrupted"
            raise
        if (lacking := run.skipped(own)) is not None:
            skip_item(lacking)
        conclude(item, run, run.verdicts(own), self.collection.settings.inconclusive)

    def _window(self, first: pytest.Function) -> list[Evaluation]:
        """Find what begins to be sampled with an evaluation that is set up; one with an obstacle is sampled alone."""
        assert self._driver is not None
        alone = bool(window.obstacle(first))
        if alone and self._windows:  # with -x others may be under way
            self._driver.decide([], [self.collection.evaluations[item].id for item in self._windows])
        found = {first: {name: first.funcargs[name] for name in argument_names(first)}}
        for other in [] if alone else window.companions(first, first.session.items):
            if other not in self._windows and (given := window.arguments_of(other, first)) is not None:
                found[other] = given
        starting: list[Evaluation] = []
        names: list[str] = []
        for item, given in found.items():
            evaluation = self.collection.evaluations[item]
            arguments = {name: value for name, value in given.items() if name not in evaluation.wants}
            starting.append(replace(evaluation, arguments=arguments))
            names.append(evaluation.id)
            self._windows[item] = names
        return starting

    def _fail_setup(self, item: pytest.Item) -> None:
        evaluation = self.collection.evaluations.get(item)
        if self._driver is not None and evaluation is not None and item not in self._windows:
            self._driver.run.fail(evaluation, "its setup failed, see the error of the test")
            self._driver.announcer.decided()

    # -- reports ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Called for each phase of an item: an evaluation's report gets its verdict and the time that it took."""
        report = yield
        if call.when == "setup" and report.failed:
            self._fail_setup(item)
        if call.when == "call" and item in self.collection.evaluations and self._driver is not None:
            report.sections = [(title, harmless(text)) for title, text in report.sections]
            report.duration = self._driver.run.duration_s(self.collection.evaluations[item].id)
            report.steelyard_verdict = item.stash.get(VERDICT, None)  # type: ignore[attr-defined]
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
        driver = self._driver
        with self.interrupts.unheard():
            if driver is not None:
                is_stopped = bool(session.shouldfail or session.shouldstop)  # as with -x: the rest is not reported
                if is_stopped and self.interrupts.interrupted_by is None:
                    driver.run.abandon()
                driver.run.interrupt()
                if is_stopped or exitstatus == pytest.ExitCode.INTERRUPTED:
                    names = (evaluation.id for evaluation in self.collection.evaluations.values())
                    undecided = [name for name in names if not driver.run.verdicts(name)]
                    self._n_unreached = sum(driver.run.skipped(name) is None for name in undecided)
            report = self.outcome.report
            verdicts: tuple[Any, ...] = ()
            skipped: tuple[Any, ...] = ()
            if driver is not None:
                verdicts, skipped = driver.run.all_verdicts, driver.run.all_skipped
            elif report is not None:  # of a worker
                verdicts, skipped = report.evaluations, report.skipped
            is_idle = bool(skipped) and not verdicts and len(skipped) == self.n_chosen
            known = int(pytest.ExitCode.NO_TESTS_COLLECTED) if exitstatus == 0 and is_idle else int(exitstatus)
            inconclusive = self.collection.settings.inconclusive if verdicts else ""
            only_inconclusive = session.testsfailed == self._n_inconclusive
            session.exitstatus = session_exit_code(known, verdicts, only_inconclusive, inconclusive)
            if driver is not None:
                self.outcome.take(driver, int(session.exitstatus), self._n_unreached)
                if not self.is_worker:
                    self.outcome.write(session)
        if driver is not None and self.outcome.report is not None:
            self.outcome.keep(session, driver)
            if not self.is_worker:
                self.outcome.write_others(session)
            driver.announcer.finished(self.outcome.report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Called at the end of the terminal's output: the table of verdicts."""
        if self.is_worker:
            return
        self.outcome.show(terminalreporter)
        has_run = self.outcome.report is not None and bool(self.outcome.report.evaluations)
        is_over = runs_bodies(self.config) and exitstatus in ENDED and not self.outcome.problems
        if self.n_collected and is_over and not has_run:
            from harness.reporting.shared.figures import plural

            why = "skipped" if self.n_chosen else "left out by the options"
            terminalreporter.write_line(f"steelyard: {plural(self.n_collected, 'evaluation')}, none ran: {why}")
