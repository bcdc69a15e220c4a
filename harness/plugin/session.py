"""Runs the evaluations of a session: sampled side by side, each reported as pytest's own item."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin import window
from harness.plugin.collection.items import Collection, copies_lines, is_evaluation, near_lines
from harness.plugin.ending import ReportDelivery, discard_report, drawn_lines, prepare_reports
from harness.plugin.loop.interrupts import Interrupts
from harness.plugin.options import runs_bodies
from harness.plugin.outcomes import ACCEPTED, ENDED, VERDICT, as_usage, conclude, harmless, refusing, session_exit_code
from harness.plugin.pytest_internals import argument_names, skip_item

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
        self.is_worker = hasattr(config, "workerinput")
        """Whether this is a worker process of xdist."""
        self.n_collected = self.n_chosen = 0  # evaluations; on the controller of xdist those of its workers
        self._driver: Driver | None = None
        self._windows: dict[pytest.Item, list[str]] = {}
        self._n_inconclusive = 0
        self._drawn: list[str] = []

    @functools.cached_property
    def only_draws(self) -> bool:
        """Whether the session fills the store for a gate that another decides."""
        return self.config.getoption("draw") is not None

    @property
    def is_asked(self) -> bool:
        """True if there are evaluations to run, and not only to list."""
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
        cases that resemble each other, or check nothing themselves, and which are not sampled together; with
        --collect-only the most that they can ask.
        """
        evaluations = self.collection.evaluations.values()
        lines = [*copies_lines(evaluations), *self.collection.notes]
        if self.is_asked:
            lines += near_lines(evaluations) + window.in_place_line(filter(is_evaluation, self.collection.evaluations))
        if self.config.option.collectonly and self.config.option.verbose >= 0:
            lines += self.collection.forecast_line()
        return [f"steelyard: {line}" for line in lines]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection: the last moment to complain before anything is paid for."""
        collection, chosen = self.collection, set(session.items)
        collection.evaluations = {item: each for item, each in collection.evaluations.items() if item in chosen}
        self.n_collected, self.n_chosen = collection.n_collected, len(collection.evaluations)
        if self.is_worker:
            return
        if (collection.errors or collection.evaluations) and runs_bodies(self.config) and not self.only_draws:
            discard_report(collection)
        if collection.errors:
            raise pytest.UsageError(*as_usage(collection.errors))
        if self.is_asked and not session.testsfailed:
            with refusing():
                self._open()

    def _open(self) -> None:
        """Open the run. Everything heavy is imported here and below."""
        from harness.gate.runs.opening import open_run
        from harness.plugin.hooks.announcing import Announcer, find_hooks
        from harness.plugin.loop.driver import Driver, shown_builds
        from harness.reporting.shared.text import wrap
        from harness.scoring import sandbox_of_run

        settings, hooks = self.collection.settings, find_hooks(self.config.pluginmanager)
        self.interrupts.listen()
        if not (self.is_worker or self.only_draws):
            prepare_reports(settings)
        sandbox_of_run.set(settings.sandbox)
        with shown_builds(self.config) as progress:
            run = open_run(settings, self.collection.run_options, progress)
        ids = tuple(evaluation.id for evaluation in self.collection.evaluations.values())
        announcer = Announcer(self.config, run, ids, {name: [] for name in hooks} if self.only_draws else hooks)
        self._driver = Driver(self.config, run, self.interrupts, announcer)
        announcer.started()
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and not self.is_worker:
            for text in run.opening_lines:
                for line in wrap(f"steelyard: {text}", self.config.get_terminal_writer().fullwidth):
                    reporter.write_line(line)

    # -- running ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Called for each item in turn: in a worker of xdist the first evaluation opens the run."""
        is_first = self.is_worker and is_evaluation(item) and self._driver is None and not self.collection.errors
        if is_first and runs_bodies(self.config):
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
        if self.only_draws:
            if troubles := run.collectors[own].troubles:
                from harness.gate.evaluations.sealing import WITH_THE_KEY

                pytest.fail(WITH_THE_KEY if own in run.closed else "\n".join(troubles), pytrace=False)
            return
        conclude(item, run, run.verdicts(own), self.collection.settings.inconclusive)

    def _window(self, first: pytest.Function) -> list[Evaluation]:
        """Find what begins to be sampled with an evaluation that is set up; one with an obstacle is sampled alone."""
        assert self._driver is not None
        alone = bool(window.obstacle(first))
        if alone and self._windows:  # with -x others may be under way
            self._driver.decide([], [self.collection.evaluations[item].id for item in self._windows])
        by_item = {first: {name: first.funcargs[name] for name in argument_names(first)}}
        for other in [] if alone else window.companions(first, first.session.items):
            if other not in self._windows and (given := window.arguments_of(other, first)) is not None:
                by_item[other] = given
        starting = []
        for item, given in by_item.items():
            evaluation = self.collection.evaluations[item]
            arguments = {name: value for name, value in given.items() if name not in evaluation.wants}
            starting.append(replace(evaluation, arguments=arguments))
        names = [each.id for each in starting]
        self._windows |= dict.fromkeys(by_item, names)
        return starting

    # -- reports ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Called for each phase of an item: an evaluation's report gets its verdict and the time that it took."""
        report = yield
        evaluation, driver = self.collection.evaluations.get(item), self._driver
        if evaluation is None or driver is None:
            return report
        if call.when == "setup" and report.failed and item not in self._windows:
            driver.run.fail(evaluation, "its setup failed, see the error of the test")
            driver.announcer.decided()
        if call.when == "call":
            printed = [] if driver.run.closed else report.sections  # bodies of all evaluations print together
            report.sections = [(title, harmless(text)) for title, text in printed]
            report.duration = driver.run.duration_s(evaluation.id)
            report.steelyard_verdict = item.stash.get(VERDICT, None)  # type: ignore[attr-defined]
            report.steelyard_accepted = item.stash.get(ACCEPTED, False)  # type: ignore[attr-defined]
            report.steelyard_only_drawn = self.only_draws  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, Any] | None:
        """Called for each report: the word and letter of an evaluation that did not pass are its verdict's."""
        verdict = getattr(report, "steelyard_verdict", None)
        if getattr(report, "steelyard_only_drawn", False) and report.passed:
            return "drawn", "d", "DRAWN"
        if getattr(report, "steelyard_accepted", False):
            return "accepted", "a", ("ACCEPTED", {"yellow": True})
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

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Called once at the end, also when interrupted: sets the exit code, writes the report, closes everything."""
        with self._interruptible(session):
            self._end(session, exitstatus)
        with self._interruptible(session):
            yield

    @contextmanager
    def _interruptible(self, session: pytest.Session) -> Iterator[None]:
        """Show a line where Python would show the traceback of a Ctrl-C while the session ends."""
        try:
            yield
        except KeyboardInterrupt:
            if (reporter := self.config.pluginmanager.get_plugin("terminalreporter")) is not None:
                reporter.ensure_newline()
                reporter.write_line(
                    "steelyard: interrupted again while the session ended: what was left to do then was not done, and "
                    "what is sampled is stored."
                )
            session.exitstatus = pytest.ExitCode.INTERRUPTED

    def _end(self, session: pytest.Session, exitstatus: int) -> None:
        from harness.records import waiver_of

        driver, outcome = self._driver, self.outcome
        with self.interrupts.unheard():
            n_unreached = self._interrupt(session, exitstatus)
            verdicts: tuple[Any, ...] = ()
            skipped: tuple[Any, ...] = ()
            if driver is not None:
                verdicts, skipped = driver.run.all_verdicts, driver.run.all_skipped
            elif outcome.report is not None:  # of a worker
                verdicts, skipped = outcome.report.evaluations, outcome.report.skipped
            is_idle = bool(skipped) and not verdicts and len(skipped) == self.n_chosen
            known = int(pytest.ExitCode.NO_TESTS_COLLECTED) if exitstatus == 0 and is_idle else int(exitstatus)
            inconclusive = self.collection.settings.inconclusive if verdicts else ""
            only_inconclusive = session.testsfailed == self._n_inconclusive
            waivers = () if outcome.report is None else outcome.report.waivers
            waivers = waivers if driver is None else driver.run.options.waivers
            counting = [each for each in verdicts if waiver_of(each, waivers) is None]
            session.exitstatus = session_exit_code(known, counting, only_inconclusive, inconclusive)
            if driver is None:
                return
            if self.only_draws:
                driver.run.sampler.keep_failures()
                self._drawn = drawn_lines(driver.run, self.config.invocation_params.args, int(session.exitstatus))
                driver.close()
                return
            outcome.report = driver.report(int(session.exitstatus), n_unreached)
            if not self.is_worker:
                outcome.write(session)
        outcome.keep(session, driver)
        if not self.is_worker:
            outcome.write_others(session)
        driver.announcer.finished(outcome.report)

    def _interrupt(self, session: pytest.Session, exitstatus: int) -> int:
        """Decide what was started and not decided; gives how many evaluations a session that was stopped left out."""
        if self._driver is None:
            return 0
        run, is_stopped = self._driver.run, bool(session.shouldfail or session.shouldstop)
        if is_stopped and self.interrupts.interrupted_by is None:  # as with -x: the rest is not reported
            run.abandon()
        run.interrupt()
        if not is_stopped and exitstatus != pytest.ExitCode.INTERRUPTED:
            return 0
        names = [evaluation.id for evaluation in self.collection.evaluations.values()]
        return sum(not run.verdicts(name) and run.skipped(name) is None for name in names)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Called last: gives the signals back."""
        self.interrupts.leave()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Called at the end of the terminal's output: the table of verdicts."""
        if self.is_worker:
            return
        self.outcome.show(terminalreporter)
        if self._drawn:
            from harness.reporting.shared.text import wrap

            for text in self._drawn:
                for line in wrap(text, self.config.get_terminal_writer().fullwidth):
                    terminalreporter.write_line(line)
            return
        has_run = self.outcome.report is not None and bool(self.outcome.report.evaluations)
        is_over = runs_bodies(self.config) and exitstatus in ENDED and not self.outcome.problems
        if self.n_collected and is_over and not has_run:
            from harness.reporting.shared.figures import plural

            why = "skipped" if self.n_chosen else "left out by the options"
            terminalreporter.write_line(f"steelyard: {plural(self.n_collected, 'evaluation')}, none ran: {why}")
