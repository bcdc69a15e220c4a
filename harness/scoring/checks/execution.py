"""The check of code: it runs, and its tests pass, in a process of its own."""

from __future__ import annotations

import ast
import asyncio
import concurrent.futures
import functools
from collections.abc import Iterable

from harness.config.environment import usable_cores
from harness.config.settings import SANDBOXES
from harness.errors import CheckError
from harness.records import Score
from harness.scoring import sandbox_of_run
from harness.scoring.checks.given import answer_text, awaited, shown
from harness.scoring.confinement import ConfinedRun, ProgramLimits

_LEAST_MEMORY = 64 << 20


@awaited
async def runs(
    code: str,
    *,
    tests: str | Iterable[str] = "",
    timeout_s: float = 10.0,
    memory_bytes: int = 512 << 20,
    sandbox: str | None = None,
) -> Score:
    """1 where Python code passes its tests, or without any runs to its end; to be awaited in an `async def` body.

    Code and tests each run in a process of their own: docs/guide/6-checks.md says what they can reach, and what of the
    code its tests find. As many run at once as there are cores.

    Args:
        code: a program, or an answer whose first fenced block of Python is one.
        tests: Python that calls the functions of the code, one text or several: assertions, or calls that raise. With
            tests, code under `if __name__ == "__main__"` does not run.
        timeout_s: seconds that it may take, of CPU time as well.
        memory_bytes: the address space that it may use, at least 64 MiB.
        sandbox: "built-in" or "container"; by default the setting `sandbox`.

    Raises:
        CheckError: an argument is wrong, a part of the sandbox is missing here, a process can't be started, or the
            tests give a function what is no plain data.
    """
    program = answer_text(code, "runs")
    lines = [tests] if isinstance(tests, str) else list(tests) if isinstance(tests, Iterable) else [tests]
    if not all(isinstance(line, str) for line in lines):
        raise CheckError(f"runs: tests = {shown(tests)}; give Python as a text, or a list of texts.")
    joined = "\n".join(lines)
    if tests != "" and not joined.strip():
        raise CheckError(f"runs: tests = {shown(tests)} test nothing; leave them out where the code only has to run.")
    if _only_defines(joined):
        raise CheckError(f"runs: tests = {shown(tests)}: tests define functions and call none; call them, or assert.")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 < timeout_s <= 3600:
        raise CheckError(f"runs: timeout_s = {timeout_s!r}; give seconds, more than 0 and at most 3600.")
    if not isinstance(memory_bytes, int) or memory_bytes < _LEAST_MEMORY:
        raise CheckError(
            f"runs: memory_bytes = {memory_bytes!r}; the interpreter alone needs {_LEAST_MEMORY} (64 MiB)."
        )
    sandbox = sandbox_of_run.get() if sandbox is None else sandbox
    if sandbox not in SANDBOXES:
        raise CheckError(f"runs: sandbox = {shown(sandbox)}; write one of {', '.join(map(repr, SANDBOXES))}.")
    limits = ProgramLimits(timeout_s=float(timeout_s), memory_bytes=memory_bytes)
    confined = ConfinedRun(program, joined, limits, sandbox)
    try:
        reason = await asyncio.get_running_loop().run_in_executor(_threads(), confined.run)
    except asyncio.CancelledError:
        confined.stop()
        raise
    return Score(1.0) if reason is None else Score(0.0, reason)


@functools.cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    """One thread for each core waits for a process."""
    return concurrent.futures.ThreadPoolExecutor(usable_cores(), thread_name_prefix="steelyard-runs")


def _only_defines(tests: str) -> bool:
    """Tell whether tests define functions or classes, and call, assert and raise nothing outside of them."""
    try:
        body = ast.parse(tests).body
    except (SyntaxError, ValueError):  # the run says so
        return False
    outside = [each for each in body if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    runs_something = (ast.Call, ast.Assert, ast.Raise)
    return len(outside) < len(body) and not any(
        isinstance(node, runs_something) for each in outside for node in ast.walk(each)
    )
