"""Command-line options, and how they are laid over the settings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.runs.run import RunOptions
    from harness.gate.sampling.order import Share

_OPTIONS: dict[str, tuple[str | None, str]] = {
    "--candidate": ("VERSION", "the version under test; or git:REF, as it was at a commit; A,B,C is a gate of three"),
    "--baseline": (
        "NAME",
        "what it is weighed against: a version, a recorded baseline, or git:REF, the candidate with the project's code "
        "as it was at a commit; `none` for thresholds alone",
    ),
    "--task": (
        "TASK",
        "gate an lm-eval task, by the path of its file or by its name, without a test file; may be repeated",
    ),
    "--judge": ("VERSION", "the version that judges; several with commas are a panel"),
    "--samples": ("N", "samples for each case; wins over the marker's"),
    "--best-of": ("N", "the candidate is the best of N that were tried against this baseline (default: 1)"),
    "--case": ("PATTERN", "only cases whose id matches this shell pattern, such as 'per*'"),
    "--concurrency": ("N", "requests in flight (default: 128)"),
    "--offline": (None, "stored samples only; missing ones are an error"),
    "--for-baseline": (
        None,
        "draw everything, against nothing, 4 times the samples and 20 at least: for `steelyard baseline record`",
    ),
    "--fresh": (None, "draw everything anew; the old samples stay in the store"),
    "--draw": (
        "K/N",
        "only draw samples, for a gate on the same store: the K-th of N shares; without K/N what no other draws",
    ),
    "--max-cost": ("AMOUNT", "draw no more once this is spent; versions need a `price`"),
    "--deadline": ("DURATION", "draw no more so long after the start, such as 20m"),
    "--inconclusive": ("fail|warn", "whether an inconclusive verdict fails (exit code 8) or warns"),
    "--report-dir": ("FOLDER", "where the reports go (default: reports/latest)"),
    "--mlflow": ("URL", "log the gate to this MLflow; `none` for nowhere"),
    "--store": ("URL", "SQLite path or SQLAlchemy URL (default: .steelyard/store.db)"),
}
"""By name, what stands for the value (None where there is none), and the help."""
_NO_SETTINGS = ("--task", "--case", "--offline", "--for-baseline", "--fresh", "--draw")
_WHAT_IS_FREE = "1/1"
_LAID_OVER = tuple(name.strip("-").replace("-", "_") for name in _OPTIONS if name not in _NO_SETTINGS)
_NUMBERS: dict[str, type[int] | type[float]] = {"samples": int, "best_of": int, "concurrency": int, "max_cost": float}


def add_options(parser: pytest.Parser) -> None:
    """Add the group `steelyard`; every value is checked later, by the same code as the settings file."""
    group = parser.getgroup("steelyard", "steelyard: evaluations of language models")
    for name, (metavar, text) in _OPTIONS.items():
        if metavar is None:
            group.addoption(name, action="store_true", help=text)
        elif name == "--task":
            group.addoption(name, metavar=metavar, help=text, action="append", default=[])
        elif name == "--draw":
            group.addoption(name, metavar=metavar, help=text, nargs="?", const=_WHAT_IS_FREE)
        else:
            group.addoption(name, metavar=metavar, help=text)


def runs_bodies(config: pytest.Config) -> bool:
    """Tell whether bodies will run: not with --collect-only, --setup-only, --fixtures and the like, which only list."""
    listing = ("collectonly", "setuponly", "setupplan", "showfixtures", "show_fixtures_per_test")
    return not any(getattr(config.option, name, False) for name in listing)


def settings_of(config: pytest.Config) -> Settings:
    """The project's settings with the command line's laid over.

    Raises:
        SettingsError: a setting or an option that can't be.
    """
    from harness.config import load_settings
    from harness.config.addresses import NO_TRACKING
    from harness.config.commits import with_commits
    from harness.config.roles import with_roles
    from harness.config.settings import NO_BASELINE, check_setting
    from harness.stages.hybrids import with_hybrid

    start, folder = _search_start(config), config.invocation_params.dir
    settings = load_settings(start)
    if settings.source is None and start.is_relative_to(folder):  # where a file is found, and other commands start
        settings = replace(settings, root=folder)
    given: dict[str, Any] = {}
    for name in _LAID_OVER:
        text = config.getoption(name, default=None)
        if text is not None:
            given[name] = check_setting(name, _parse(name, text), where=f"--{name.replace('_', '-')}")
    if config.getoption("for_baseline", default=False):
        given.setdefault("baseline", NO_BASELINE)
    if given.get("mlflow") == NO_TRACKING:  # logs nowhere; the registry of models stays where it is
        given = {**given, "mlflow": settings.mlflow, "is_tracked": False}
    named = replace(settings, **given)
    return with_commits(with_roles(with_hybrid(named, named.candidate or "")), settings.candidate)


def run_options(config: pytest.Config, known: RunOptions) -> RunOptions:
    """Add what the command line says to what is known of a run beyond the settings."""
    option = config.getoption
    given = {name: option(name) for name in ("offline", "fresh", "for_baseline")}
    return replace(known, **given, cases=option("case") or "*", share=share_of(config))


def share_of(config: pytest.Config) -> Share | None:
    """What the session draws for a gate that another decides; None for a session that decides.

    Raises:
        SettingsError: `--draw` says no share, or stands beside an option that it can't.
    """
    from harness.errors import SettingsError

    text = config.getoption("draw")
    if text is None:
        return None
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise SettingsError(
            f"--draw {text}: write --draw K/N, with K from 1 to N, or --draw after the tests: pytest suites --draw"
        )
    for name in ("offline", "fresh"):
        if config.getoption(name):
            raise SettingsError(f"--draw fills the store with what is missing: leave --{name} out.")
    if getattr(config.option, "numprocesses", None):
        raise SettingsError("--draw runs in one process: leave -n out, and start it several times.")
    return int(number), int(of)


def _search_start(config: pytest.Config) -> Path:
    """Give the folder where the search for settings begins: that of the tests named, else where pytest was started.

    Not at pytest's own root, unless `--rootdir` says so: pytest finds that before it knows the options of plugins, and
    takes the value of `--store PATH` for the path of a test.
    """
    if config.getoption("rootdir"):
        return config.rootpath
    folder = config.invocation_params.dir
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return folder
    named = [folder / argument.partition("::")[0] for argument in config.args]
    tests = [os.path.normpath(path if path.is_dir() else path.parent) for path in named if path.exists()]
    return Path(os.path.commonpath(tests)) if tests else folder


def _parse(name: str, text: str) -> Any:
    """The number or names in an option's text; the text itself where it holds none, for the check to complain about."""
    if name == "judge":
        return [part.strip() for part in text.split(",")]
    kind = _NUMBERS.get(name)
    try:
        return text if kind is None else kind(text)
    except ValueError:
        return text
