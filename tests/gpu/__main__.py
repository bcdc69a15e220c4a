"""Run all tests marked `gpu`, and write reports/benchmarks/gpu.md: `make gpu [MODEL=…]`."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
import time
from importlib import metadata

import pytest

from tests.bench.sampling import ROOT, Figure
from tests.gpu import devices
from tests.gpu.page import Outcome, devices_in_words, render
from tests.gpu.weights import MODEL

PAGE = ROOT / "reports" / "benchmarks" / "gpu.md"
PACKAGES = ("steelyard", "vllm", "torch", "transformers", "nvidia-cuda-runtime")
_RAN = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class Outcomes:
    """Keeps what each test came to; a plugin of pytest."""

    def __init__(self) -> None:
        self.by_test: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = (crash.message if crash else str(report.longrepr)).strip().partition("\n")[0]
        figures = tuple(value for _, value in report.user_properties if isinstance(value, Figure))
        outcome = Outcome(report.nodeid, report.outcome, reason.removeprefix("Skipped: "), figures)
        self.by_test[report.nodeid] = outcome


def marked_files() -> list[str]:
    """The test files that name the mark; to collect all the others takes a minute."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(path) for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]


def described() -> dict[str, str]:
    """What the figures are of."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except OSError:
        told = ""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout
    present = {each.metadata["Name"].lower(): each.version for each in metadata.distributions()}
    versions = [f"{name} {present[name]}" for name in PACKAGES if name in present]
    return {
        "date": time.strftime("%Y-%m-%d"),
        **devices_in_words(told),
        "versions": ", ".join([f"Python {platform.python_version()}", *versions]),
        "commit": commit.strip() or "unknown",
        "model": os.environ.get(MODEL) or "none; SmolLM2-135M stands in where speed is measured",
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--model", default="", help="weights of 1 to 8 B parameters: a folder, or a name on the hub")
    arguments, rest = parser.parse_known_args()
    if code := devices.main():
        return code
    os.environ[MODEL] = arguments.model
    outcomes = Outcomes()
    code = pytest.main(["-m", "gpu", "-p", "no:cacheprovider", *marked_files(), *rest], plugins=[outcomes])
    if code not in _RAN:
        return int(code)
    given = [f"MODEL={shlex.quote(arguments.model)}"] if arguments.model else []
    given += [f"ARGS={shlex.quote(shlex.join(rest))}"] if rest else []
    PAGE.write_text(render(" ".join(["make gpu", *given]), described(), outcomes.by_test.values()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
