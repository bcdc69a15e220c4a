"""The loop in which the bodies of all evaluations run, and what the terminal shows meanwhile."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from harness.errors import ScoreError
from harness.plugin.loop.threads import LooseThreads
from harness.plugin.pytest_internals import no_assertion_diffs, terminal_file

if TYPE_CHECKING:
    from harness.gate.evaluations.evaluation import Evaluation
    from harness.gate.runs.run import Run
    from harness.plugin.hooks.announcing import Announcer
    from harness.plugin.loop.interrupts import Interrupts
    from harness.records import Report
    from harness.reporting.terminal.progress import LiveLine, ProgressLine
    from harness.stages.build_state import BuildProgress

_Line = TypeVar("_Line", bound="LiveLine")
_TICK_S = 0.1
_COLLECT_AFTER = (20_000, 20, 20)
"""Garbage is collected after this many new objects, or generations younger. Python's own figures are for programs that
hold little: with thousands of samples, a third of the time went into looking through what stays."""
_FEW = 20
"""Of so many evaluations each is told as soon as it is decided."""


class Driver:
    """Runs coroutines of a run to their end. Between two calls the loop stands still.

    Args:
        config: pytest's, whose terminal shows the progress.
        run: the gate.
        interrupts: hears Ctrl-C meanwhile.
        announcer: tells plugins what was decided.
    """

    def __init__(self, config: pytest.Config, run: Run, interrupts: Interrupts, announcer: Announcer) -> None:
        self.run, self.announcer = run, announcer
        self._config = config
        self._interrupts = interrupts
        interrupts.attend(run)
        self._runner = asyncio.Runner()
        self._runner.get_loop().set_default_executor(LooseThreads())
        self._collected_after = gc.get_threshold()
        gc.freeze()  # what is loaded by now stays: nothing of it needs to be looked through
        gc.set_threshold(*_COLLECT_AFTER)
        self._began_s = time.monotonic()
        self._progress: ProgressLine | None = None
        self._shown: set[str] = set()

    def decide(self, starting: Sequence[Evaluation], ids: Sequence[str]) -> None:
        """Begin to sample evaluations, wait until those of these ids are decided, and show progress.

        Raises:
            BaseException: what a body raised to end the session.
            ScoreError: a body cancelled this.
        """
        from harness.gate.sampling.bodies import SessionAbort

        async def work() -> None:
            for evaluation in starting:
                self.run.start(evaluation)
            await self.run.decide(ids)

        with no_assertion_diffs():
            try:
                self._interrupts.run(self._runner, self._watch(work()))
            except SessionAbort as aborted:
                raise aborted.reason from None
            except asyncio.CancelledError:
                raise ScoreError("a body cancelled tasks that are not its own, the one of the run among them") from None
        self.announcer.decided()

    async def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=_TICK_S)
                if not task.done():
                    with _uncaptured(self._config):
                        self._show()
        finally:
            if self._progress is not None:
                with _uncaptured(self._config):
                    self._progress.clear()
            if not task.done():
                task.cancel()
        await task

    def _show(self) -> None:
        from harness.reporting.terminal.progress import ProgressLine, ProgressState
        from harness.reporting.wording.budget import left

        run, window = self.run, self.run.sampler.window
        self._progress = self._progress or _live_line(self._config, ProgressLine)
        if self._progress is None:
            return
        starting = f"starting {', '.join(window.starting)}" if window.starting and not window.in_flight else ""
        state = ProgressState(
            done=run.done,
            total=run.total,
            stored=run.n_stored,
            under_way=run.feeder.n_alive,
            in_flight=window.in_flight,
            evaluations_done=run.n_finished,
            evaluations_total=run.options.n_evaluations,
            elapsed_s=time.monotonic() - self._began_s,
            phase=starting or run.measuring,
            trouble="; ".join(filter(None, (*window.troubles, run.sampler.trouble))),
            budget=left(run.sampler.budget),
        )
        self._progress.update(state)
        if self._progress.is_shown and run.options.n_evaluations <= _FEW:
            for verdict in run.ended(self._shown):  # while others are still sampled
                self._shown.add(verdict.id)
                self._progress.show_verdict(verdict)

    def report(self, exit_code: int, n_unreached: int) -> Report:
        """Make the report of the run."""
        from harness.gate.runs.report import make_report
        from harness.reporting.steps import complete
        from harness.store.location import option_for, shown_arguments, store_url

        wall_s, invocation = time.monotonic() - self._began_s, self._config.invocation_params
        made = make_report(self.run, exit_code=exit_code, wall_s=wall_s, n_unreached=n_unreached)
        made = replace(made, command=shown_arguments(invocation.args))
        return complete(made, option_for(store_url(self.run.settings), invocation.dir))

    def close(self) -> None:
        """Close the run, cancel what is left, and close the loop.

        A body that catches its cancellation is waited for as long as the run does; it is left where it is then, and at
        once when Ctrl-C is pressed.
        """
        gc.set_threshold(*self._collected_after)
        gc.unfreeze()
        with suppress(KeyboardInterrupt):
            self._interrupts.run(self._runner, _closed(self.run.close()))
        self._interrupts.attend(None)
        loop = self._runner.get_loop()
        self._left = asyncio.all_tasks(loop)  # kept, for what ends with one that is thrown away wants the loop again
        if self._left:
            loop.set_exception_handler(lambda *_: None)  # which would complain of each task that is left
            loop.close()
        else:
            with suppress(KeyboardInterrupt):
                self._runner.close()


async def _closed(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_TICK_S)


def _live_line(config: pytest.Config, kind: Callable[..., _Line], *more: Any) -> _Line | None:
    """Make a line on the session's terminal that is written over, below what pytest has begun to write; None where
    there is no terminal to show it on.
    """
    from harness.reporting.terminal.progress import Beside

    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.verbose < 0 or hasattr(config, "workerinput"):
        return None
    writer, file = config.get_terminal_writer(), terminal_file(config)
    line = kind(file, writer.hasmarkup or file.isatty(), writer.fullwidth, *more)
    line.beside = Beside(lambda: writer.width_of_current_line if reporter.currentfspath else 0, reporter.ensure_newline)
    return line


def _uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    capture = config.pluginmanager.get_plugin("capturemanager")
    return nullcontext() if capture is None else capture.global_and_fixture_disabled()


@contextmanager
def shown_builds(config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> Iterator[BuildProgress]:
    """Gives what is told of each build: a line on the session's terminal while it goes on, and one when it is done."""
    from harness.reporting.terminal.progress import BuildLine
    from harness.stages.build_state import BuildState, unseen

    line = _live_line(config, BuildLine, clock)
    if line is None:
        yield unseen
        return

    def show(state: BuildState) -> None:
        with _uncaptured(config):
            line.show(state)

    with line:
        yield show
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    for text in line.done():
        reporter.write_line(f"steelyard: {text}")
