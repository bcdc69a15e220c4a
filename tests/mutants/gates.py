"""Runs one gate on a version in a process of its own, and reads its report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutants.mutant import Patch, Weighed

ROOT = Path(__file__).parents[2]
_OTHERS = ("xdist", "rerunfailures", "repeat", "hypothesispytest", "asyncio", "anyio")


def toml(value: Any) -> str:
    """A value of the settings, as a file of them has it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def weigh(
    folder: Path,
    modules: Sequence[str],
    candidate: str,
    baseline: str,
    patch: Patch | None = None,
    suite: str = "suites/data",
) -> Weighed:
    """What the evaluations of some modules say of a version of the project in `folder`.

    Args:
        patch: a change of the code that the gate runs on. What other code built is not used then.

    Raises:
        RuntimeError: the patch fits no place in the code, or several.
    """
    began = time.perf_counter()
    out = Path(tempfile.mkdtemp(prefix=f".gate-{candidate}-", dir=folder))
    code = ROOT if patch is None else patched(patch, out)
    cache = folder / ".cache" if patch is None else out / "cache"
    environment = {**os.environ, "PYTHONPATH": str(code), "STEELYARD_CACHE": str(cache)}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:deepeval"),
        *(part for name in _OTHERS for part in ("-p", f"no:{name}")),
        *(f"{suite}/{module}.py" for module in modules),
        *("--candidate", candidate, "--baseline", baseline),
        *("--store", f"sqlite:///{out / 'store.db'}", "--report-dir", str(out / "report")),
    ]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    report = out / "report" / "report.json"
    if not report.is_file():
        print(f"{candidate}: pytest ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}", file=sys.stderr)
        return Weighed((), ("no report",), 0, time.perf_counter() - began)
    evaluations = json.loads(report.read_text(encoding="utf-8"))["evaluations"]
    shutil.rmtree(out)
    return Weighed(
        red=_named(evaluations, "failed", "regressed"),
        errors=_named(evaluations, "error"),
        n_verdicts=len(evaluations),
        seconds=time.perf_counter() - began,
    )


def _named(evaluations: Sequence[dict[str, str]], *verdicts: str) -> tuple[str, ...]:
    """The functions, with their ids, of the evaluations with one of these verdicts."""
    found = (each["id"].rpartition("::")[2] for each in evaluations if each["verdict"] in verdicts)
    return tuple(dict.fromkeys(found))


def patched(patch: Patch, folder: Path) -> Path:
    """A copy of the product with a change."""
    code = folder / "code"
    shutil.copytree(ROOT / "harness", code / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    for metadata in ROOT.glob("steelyard*.egg-info"):
        shutil.copytree(metadata, code / metadata.name)
    path = code / patch.path
    text = path.read_text(encoding="utf-8")
    if text.count(patch.old) != 1:
        raise RuntimeError(f"{patch.path} holds {patch.old!r} {text.count(patch.old)} times; a patch needs it once.")
    path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")
    return code
