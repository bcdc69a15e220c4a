"""Several candidates in one gate: `--candidate int8,fp8` runs the gate of each in turn, and tells which are green.

Each is the gate of that candidate alone with `--best-of` as many as there are, in a process of its own: any of them is
falsely green, or falsely red, with a chance of at most the gate's error rate. What the first draws of the baseline is
stored, and serves the others.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from harness.errors import SettingsError
from harness.plugin.options import runs_bodies, settings_of
from harness.plugin.outcomes import refusing

if TYPE_CHECKING:
    from harness.config import Settings

_PROGRAM = "import sys; sys.path[:] = {path!r}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
_ENDED = (0, int(pytest.ExitCode.NO_TESTS_COLLECTED), 8, int(pytest.ExitCode.TESTS_FAILED))
"""Exit codes after which the next candidate has its turn, the worst last."""


def run_each(config: pytest.Config) -> int:
    """Run a session for each candidate, and give the worst exit code. One that was interrupted or refused is the last.

    Raises:
        pytest.UsageError: a candidate that there is not, can't be asked, or is named twice, before the first session.
    """
    from harness.records.report_json import read_report
    from harness.reporting.shared.grid import folded
    from harness.reporting.terminal.candidates import candidates_table
    from harness.reporting.writing import discard

    with refusing():
        settings, folders = _checked(config)
    gated, width, is_run = {}, shutil.get_terminal_size().columns, runs_bodies(config)
    for place in (settings.report_folder, *folders.values()) if is_run else ():
        discard(place)
    for name, folder in folders.items():
        print(f" steelyard: {name}, of {len(folders)} candidates ".center(width, "="), flush=True)
        code, report = _run(config, settings, name, folder), None
        with suppress(SettingsError):  # none where it did not begin
            report = read_report(folder)
        gated[name] = code, report
        if code not in _ENDED:
            break
    if is_run:
        print(" steelyard: all candidates ".center(width, "="))
        table = candidates_table(gated, [name for name in folders if name not in gated])
        print(*folded(table, width, sys.stdout.encoding or "utf-8"), sep="\n")
    return max((code for code, _ in gated.values()), key=lambda code: (*_ENDED, code).index(code))


def _checked(config: pytest.Config) -> tuple[Settings, dict[str, Path]]:
    """The settings, with --best-of as many as there are or more, and the folder of each candidate's reports."""
    from harness.config.roles import candidate_name
    from harness.gate.runs.versions import check_versions

    given = config.getoption("candidate")
    names = [each.strip() for each in given.split(",")]
    for name in reversed(names):
        config.option.candidate = name
        settings = settings_of(config)
        if not config.getoption("offline"):
            check_versions(settings, [candidate_name(settings)])
    folders = {name: settings.report_folder / re.sub(r"[^\w.-]+", "-", name) for name in names}
    if len({*folders.values()}) < len(names):
        raise SettingsError(f"--candidate {given}: name each candidate once.")
    return replace(settings, best_of=max(settings.best_of, len(names))), folders


def _run(config: pytest.Config, settings: Settings, name: str, folder: Path) -> int:
    """Run the session of one candidate: with the arguments of this one, but for what is its own."""
    reports = f"{settings.report_dir or 'reports/latest'}/{folder.name}"
    own = {"--candidate": name, "--best-of": str(settings.best_of), "--report-dir": reports}
    if path := getattr(config.option, "xmlpath", None):
        own["--junitxml"] = str(Path(path).with_stem(f"{Path(path).stem}-{folder.name}"))
    given, arguments = list[str](), iter(config.invocation_params.args)
    for each in arguments:
        if each in own:
            next(arguments)
        elif each.partition("=")[0] not in own:
            given.append(each)
    end = given.index("--") if "--" in given else len(given)
    given[end:end] = [f"{option}={value}" for option, value in own.items()]
    command = [sys.executable, "-c", _PROGRAM.format(path=sys.path), *given]
    with subprocess.Popen(command, cwd=config.invocation_params.dir) as session:

        def forward(number: int, _: FrameType | None) -> None:
            if number != signal.SIGINT or not os.isatty(0):  # a terminal sends it Ctrl-C itself
                session.send_signal(number)

        before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return session.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
