"""Runs the evaluations of a session: set up together, sampled side by side, each reported as pytest's own item."""

from __future__ import annotations

import functools
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin import live, neighbours
from harness.plugin.collection.copies import copies_lines, near_lines
from harness.plugin.collection.items import Collection, is_evaluation
from harness.plugin.ending import ReportDelivery, discard_report, prepare_reports
from harness.plugin.loop.interrupts import InterruptHooks, Interrupts
from harness.plugin.options import runs_bodies
from harness.plugin.outcomes import ENDED, VERDICT, as_usage, conclude, harmless, refusing, session_exit_code
from harness.plugin.pytest_internals import (
    argument_names,
    call_and_report,
    drop_fixtures,
    shared_parameters,
    skip_item,
    terminal_of,
)

if TYPE_CHECKING:
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
        self._tree: live.SetupTree | None = None
        self._setups: dict[pytest.Item, pytest.TestReport] = {}
        self._batches: dict[pytest.Item, list[str]] = {}
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
        """Called after collection, for lines of the terminal: which evaluations have copies among their cases, or check
        nothing themselves, and what other plugins make of a run.
        """
        evaluations = self.collection.evaluations.values()
        lines = [*copies_lines(evaluations), *(f"steelyard: {note}" for note in self.collection.notes)]
        if self.is_asked:
            lines += near_lines(evaluations)
            names = neighbours.keepers(self.config)
            lines += [neighbours.keepers_line(names)] if names and len(evaluations) > 1 else []
        return lines

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection: the last moment to complain before anything is paid for."""
        collection, chosen = self.collection, set(session.items)
        collection.evaluations = {item: each for item, each in collection.evaluations.items() if item in chosen}
        self.n_collected, self.n_chosen = collection.n_collected, len(collection.evaluations)
        if collection.evaluations:
            self._tree = None if neighbours.keepers(self.config) else live.grow_tree(session)
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
        self.collection.evaluations = dict(zip(self.collection.evaluations, opened.evaluations, strict=True))
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
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Called for each item in turn. For an evaluation: sets up all that can live beside it and starts their
        samples, waits for them, and then reports setup, call and teardown of this one.

        Where none can be live beside it, the protocol is pytest's own, and it is sampled in its call.
        """
        if not is_evaluation(item):
            return None
        if self.is_worker and self._driver is None and runs_bodies(self.config) and not self.collection.errors:
            try:
                self._open()
            except UsageError as error:
                self.collection.errors.append(str(error))
        if self._tree is None:
            return None
        if item not in self._setups:
            self._look_ahead(item, self._tree)
        self._wait(item)
        self._report(item, nextitem, self._tree)
        return True

    def _look_ahead(self, first: pytest.Item, tree: live.SetupTree) -> None:
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
            alone = live.runs_alone(item)
            if item is not first and alone:
                break
            shared.update(own)
            self._setups[item] = report = call_and_report(item, "setup", log=False)
            tree.keep(item)
            self._batches[item] = batch
            if report.failed:
                self._fail_setup(item)
            elif report.passed:
                self._begin(item)
            if alone:
                break

    def _fail_setup(self, item: pytest.Item) -> None:
        if self._driver is not None and item in self.collection.evaluations:
            evaluation = self.collection.evaluations[item]
            self._driver.run.fail(evaluation, "its setup failed, see the error of the test")
            self._driver.announcer.decided()

    def _begin(self, item: pytest.Function) -> None:
        """Start the samples of an evaluation that is set up."""
        evaluation = self.collection.evaluations.get(item)
        if self._driver is None or evaluation is None:
            return
        arguments = {name: item.funcargs[name] for name in argument_names(item) if name not in evaluation.wants}
        self._driver.call_soon(self._driver.run.start, replace(evaluation, arguments=arguments))
        self._batches[item].append(evaluation.id)

    def _wait(self, item: pytest.Item) -> None:
        """Wait until the item's batch is sampled, with -x the item alone, so that it can stop; what goes wrong is
        raised by the item's call.
        """
        if self._driver is None or item not in self.collection.evaluations:
            return
        from harness.plugin.loop.driver import captured

        own, batch = self.collection.evaluations[item].id, self._batches[item]
        if own not in batch or self._driver.run.verdicts(own):
            return
        with captured(item) if self._tree is not None else nullcontext():
            try:
                self._driver.decide([own] if self.config.getvalue("maxfail") else batch)
            except Exception as error:  # noqa: BLE001 - kept for the call, where pytest reports it
                item.stash[_FAILURE] = error

    def _decide(self, item: pytest.Function) -> None:
        """The call of an evaluation: pass or fail as its verdict says."""
        if self._tree is None:
            if item not in self._batches:
                self._batches[item] = []
                self._begin(item)
            self._wait(item)
        if (failure := item.stash.get(_FAILURE, None)) is not None:
            raise failure
        if self._driver is None:
            pytest.fail("\n".join(self.collection.errors), pytrace=False)
        run, identity = self._driver.run, self.collection.evaluations[item].id
        if (lacking := run.skipped(identity)) is not None:
            skip_item(lacking)
        conclude(item, run, run.verdicts(identity), self.collection.settings.inconclusive)

    def _report(self, item: pytest.Function, nextitem: pytest.Item | None, tree: live.SetupTree) -> None:
        """pytest's own protocol, with the setup that has already happened."""
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        setup = self._setups[item]
        hook.pytest_runtest_logreport(report=setup)
        if setup.passed and not self.config.option.setuponly:
            call_and_report(item, "call")
        if item.session.shouldfail or item.session.shouldstop:  # as with -x: the rest is not reported
            nextitem, items = None, item.session.items
            self._n_unreached = sum(each in self.collection.evaluations for each in items[items.index(item) + 1 :])
            if self._driver is not None:
                self._driver.run.abandon()
            tree.release_all()
        tree.release(item)
        call_and_report(item, "teardown", nextitem=nextitem)
        drop_fixtures(item)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    # -- reports ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Called for each phase of an item: an evaluation's report gets its verdict and the time that it took."""
        report = yield
        if call.when == "setup" and report.failed and self._tree is None:
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
        if self._tree is not None:
            self._tree.release_all()
        driver = self._driver
        with self.interrupts.unheard():
            if driver is not None:
                driver.run.interrupt()
                self._count_unreached(session, driver, exitstatus)
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

    def _count_unreached(self, session: pytest.Session, driver: Driver, exitstatus: int) -> None:
        is_cut = exitstatus == pytest.ExitCode.INTERRUPTED
        if is_cut or (self._tree is None and (session.shouldfail or session.shouldstop)):
            ids, run = (evaluation.id for evaluation in self.collection.evaluations.values()), driver.run
            self._n_unreached = sum(not run.verdicts(name) and run.skipped(name) is None for name in ids)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Called at the end of the terminal's output: the table of verdicts."""
        if self.is_worker:
            return
        self.outcome.show(terminalreporter)
        has_run = self.outcome.report is not None and bool(self.outcome.report.evaluations)
        is_over = runs_bodies(self.config) and exitstatus in ENDED and not self.outcome.problems
        if self.n_collected and is_over and not has_run:
            terminalreporter.write_line(neighbours.none_ran(self.n_collected, self.n_chosen))


_FAILURE = pytest.StashKey[Exception]()
