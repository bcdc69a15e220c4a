"""Several candidates in one gate: `--candidate int8,fp8` runs the gate of each in turn, and tells which are green.

Each is the gate of that candidate alone with `--best-of` as many as there are, in a process of its own: any of them is
falsely green, or falsely red, with a chance of at most the gate's error rate. What the first draws of the baseline is
stored, and serves the others.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from harness.errors import SettingsError
from harness.plugin.options import runs_bodies, settings_of
from harness.plugin.outcomes import refusing
from harness.plugin.pytest_internals import terminal_writer

if TYPE_CHECKING:
    from harness.config import Settings

_PROGRAM = "import sys; sys.path[:] = {path!r}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
_ENDED = (0, int(pytest.ExitCode.NO_TESTS_COLLECTED), 8, int(pytest.ExitCode.TESTS_FAILED))
"""Exit codes after which the next candidate has its turn, the worst last."""


def run_each(config: pytest.Config) -> int:
    """Run a session for each candidate, and give the worst exit code. One that was interrupted or refused is the last.

    Raises:
        pytest.UsageError: a candidate that there is not, or can't be asked, before the first session.
    """
    from harness.records.report_json import read_report
    from harness.reporting.shared.grid import folded
    from harness.reporting.terminal.candidates import GatedCandidate, table, write_table
    from harness.reporting.writing import discard

    with refusing():
        settings, folders = _checked(config)
    is_run, top, writer = runs_bodies(config), settings.report_folder, terminal_writer(config)
    for folder in (top, *(top / each for each in folders.values())) if is_run else ():
        discard(folder)
    gated, codes = {name: GatedCandidate(name, folder) for name, folder in folders.items()}, list[int]()
    for name, folder in folders.items():
        writer.sep("=", f"steelyard: candidate {len(codes) + 1} of {len(folders)}: {name}", bold=True)
        writer.flush()
        codes.append(_run(_command(config, settings, name, folder), config.invocation_params.dir))
        gated[name] = replace(gated[name], exit_code=codes[-1])
        with suppress(SettingsError):  # it did not begin
            gated[name] = replace(gated[name], report=read_report(top / folder))
        if codes[-1] not in _ENDED:
            break
    code = max(codes, key=lambda each: _ENDED.index(each) if each in _ENDED else len(_ENDED))
    if is_run and any(each.report for each in gated.values()):
        with refusing():
            write_table(list(gated.values()), settings.best_of, code, top)
        writer.sep("=", f"steelyard: {len(folders)} candidates", bold=True)
        shown = os.path.relpath(top, config.invocation_params.dir)
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        for line in folded(table(list(gated.values()), settings.best_of, shown), writer.fullwidth, encoding):
            writer.line(line)
    return code


def _checked(config: pytest.Config) -> tuple[Settings, dict[str, str]]:
    """The settings of the first session, and the folder of each candidate's reports by its name.

    Raises:
        UsageError: a candidate that there is not, can't be asked, or is named twice; or more than `--best-of` counts.
    """
    from harness.config.roles import candidate_name
    from harness.gate.runs.versions import check_versions

    given, best_of = config.getoption("candidate"), config.getoption("best_of")
    names = [each.strip() for each in given.split(",")]
    folders = {name: re.sub(r"[^\w.-]+", "-", name).lstrip(".") for name in names}
    if not all(folders.values()) or len(set(folders.values())) < len(names):
        raise SettingsError(f"--candidate {given}: name each candidate once, with commas between them.")
    for name in reversed(names):
        config.option.candidate, config.option.best_of = name, best_of or str(len(names))
        settings = settings_of(config)
        if not config.getoption("offline"):
            check_versions(settings, [candidate_name(settings)])
    if settings.best_of < len(names):
        raise SettingsError(
            f"--best-of {best_of} is less than the {len(names)} candidates that are named: it counts all that were "
            "tried, these among them."
        )
    return settings, folders


def _command(config: pytest.Config, settings: Settings, name: str, folder: str) -> list[str]:
    """The command of a candidate's session: that of this one, with what is its own in place of what all share."""
    reports = f"{settings.report_dir or 'reports/latest'}/{folder}"
    own = {"--candidate": name, "--best-of": str(settings.best_of), "--report-dir": reports}
    if path := getattr(config.option, "xmlpath", None):
        own["--junitxml"] = str(Path(path).with_stem(f"{Path(path).stem}-{folder}"))
    given, arguments = list[str](), iter(config.invocation_params.args)
    for each in arguments:
        if each in own:
            next(arguments)
        elif each.partition("=")[0] not in own:
            given.append(each)
    end = given.index("--") if "--" in given else len(given)
    given[end:end] = [f"{option}={value}" for option, value in own.items()]
    return [sys.executable, "-c", _PROGRAM.format(path=sys.path), *given]


def _run(command: Sequence[str], folder: Path) -> int:
    """Run a session to its end, which has the signals that come meanwhile; a terminal sends it Ctrl-C itself."""
    with subprocess.Popen(command, cwd=folder) as session:

        def forward(number: int, _: FrameType | None) -> None:
            if number != signal.SIGINT or not os.isatty(0):
                session.send_signal(number)

        before: Mapping[int, object] = {}
        if threading.current_thread() is threading.main_thread():
            before = {each: signal.signal(each, forward) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = session.wait()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)  # type: ignore[arg-type]
    return code if code >= 0 else 128 - code
