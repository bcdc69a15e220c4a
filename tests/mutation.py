"""Mutation testing of one package: 300 mutants, drawn by a seed, and how many of them its own tests notice.

mutmut writes every mutant of the package into build/mutation. For each that is drawn, a fork of a session that has
collected the tests runs those that reach the mutated function, then the others of their files, whose fixtures may have
reached it for them. Tests that start a process or a server, or take longer than 5 seconds, are left out.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from mutmut import __main__ as mutmut
from mutmut import configuration
from mutmut.mutation.trampoline import set_mutant_under_test

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "reports" / "benchmarks" / "mutation.json"
LEFT_OUT = ("slow", "service", "nightly", "postgres", "gpu")
STARTS = {"subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.system", "socket.bind"}
LONGEST_S = 5.0
MEMORY_BYTES = 16 << 30
# The server of pytest-rerunfailures would be shared by all forks.
ARGUMENTS = ("-q", "--rootdir=.", "-p", "no:cacheprovider", "-p", "no:rerunfailures")


@dataclass(eq=False)
class Reach:
    """The functions that each test reaches, its seconds, and the tests that start a process or a server."""

    functions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: Counter[str] = field(default_factory=Counter)
    starting: set[str] = field(default_factory=set)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        self.functions[item.nodeid] |= mutmut.state()._stats
        mutmut.state()._stats.clear()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration

    def audit(self, event: str, _: object) -> None:
        if event in STARTS:
            self.starting.add(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])

    def document(self) -> dict[str, tuple[float, list[str]]]:
        """Return the seconds and the functions of each test that counts."""
        counted = (test for test, spent in self.seconds.items() if spent <= LONGEST_S and test not in self.starting)
        return {test: (self.seconds[test], sorted(self.functions[test])) for test in counted}


def forked(function: Callable[[], int]) -> int:
    """Return the exit code of a function in a process of its own; a signal's number is negative."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            code = function()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(session: pytest.Session, items: list[pytest.Item], seconds: dict[str, float] | None = None) -> int:
    """Run tests until one fails, or takes far longer than it should and ends the process."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        if seconds is not None:
            signal.alarm(10 + int(10 * seconds[item.nodeid]))
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


@dataclass(eq=False)
class Mutation:
    """Plugin that runs the tests of a session on each mutant in place of running them."""

    mutants: list[str]
    folder: Path
    until: float

    @property
    def reach_path(self) -> Path:
        return self.folder / "reach.json"

    def results(self) -> dict[str, str]:
        path = self.folder / "results.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return dict(line.split(" ", 1) for line in lines)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Have Hypothesis make no failure smaller; pytest has to import it first, since it rewrites it."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", deadline=None, derandomize=True, database=None, phases=phases)
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = [item for item in session.items if not any(map(item.get_closest_marker, LEFT_OUT))]
        gc.freeze()
        if not self.reach_path.exists() and forked(lambda: self.reach(session, items)) != 0:
            raise session.Failed("the tests fail without a mutant")
        tests = json.loads(self.reach_path.read_text(encoding="utf-8"))
        items = [item for item in items if item.nodeid in tests]
        done = self.results()
        for mutant in self.mutants:
            if mutant not in done and time.monotonic() < self.until:
                with (self.folder / "results.txt").open("a", encoding="utf-8") as file:
                    print(mutant, result(session, items, tests, mutant), file=file)
        return True

    def reach(self, session: pytest.Session, items: list[pytest.Item]) -> int:
        reach = Reach()
        session.config.pluginmanager.register(reach)
        sys.addaudithook(reach.audit)
        set_mutant_under_test("stats")
        code = run(session, items)
        if code == 0:
            self.reach_path.write_text(json.dumps(reach.document()), encoding="utf-8")
        return code


def result(session: pytest.Session, items: list[pytest.Item], tests: dict[str, Any], mutant: str) -> str:
    """Say what comes of a mutant: killed, timed out, survived or not reached."""
    function = mutmut.mangled_name_from_mutant_name(mutant)
    seconds = {test: spent for test, (spent, _) in tests.items()}
    covering = {test for test, (_, functions) in tests.items() if function in functions}
    cost = Counter[Path]()
    for item in items:
        if item.nodeid in covering:
            cost[item.path] += seconds[item.nodeid]
    chosen = [item for item in items if item.path in cost]
    chosen.sort(key=lambda item: (item.nodeid not in covering, cost[item.path]))

    def kill() -> int:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        set_mutant_under_test(mutant)
        return run(session, chosen, seconds)

    if not chosen:
        return "not reached"
    return {0: "survived", -signal.SIGALRM: "timed out"}.get(forked(kill), "killed")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", help="a folder of harness, such as decisions")
    parser.add_argument("--seed", type=int, default=25)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many; the next call goes on")
    options = parser.parse_args()
    if git("status", "--porcelain", "harness", f"tests/{options.package}"):
        raise SystemExit(
            f"commit what is changed in harness and tests/{options.package}: a score is told with its commit"
        )
    commit = git("log", "-1", "--format=%h", "--", "harness", f"tests/{options.package}")

    folder = ROOT / "build" / "mutation" / f"{options.package}-{options.seed}-{commit}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("harness", "tests", "conftest.py", "pyproject.toml"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    os.chdir(folder)
    configuration._config = replace(configuration.config(), only_mutate=[f"harness/{options.package}/*"])
    with Path("mutmut.log").open("w") as log, redirect_stdout(log):
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.create_mutants(1)
    mutmut.setup_source_paths()
    names = sorted(name for _, name, _ in mutmut.collect_source_file_mutation_data(mutant_names=())[0])
    drawn = random.Random(options.seed).sample(names, min(options.mutants, len(names)))

    plugin = Mutation(drawn, folder, time.monotonic() + 60 * options.minutes)
    os.chdir("mutants")
    with Path("pytest.log").open("w") as log, redirect_stdout(log):
        code = pytest.main([*ARGUMENTS, f"tests/{options.package}"], plugins=[plugin])
    results = plugin.results()
    counts = Counter(results.values())
    print(f"{options.package}: {len(results)} of {len(drawn)} mutants, pytest ended with {code}; {dict(counts)}")
    if code == 0 and results.keys() >= set(drawn):
        table = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
        table[options.package] = {
            "score": round(100 * (counts["killed"] + counts["timed out"]) / len(drawn), 1),
            "mutants": len(drawn),
            **{word.replace(" ", "_"): counts[word] for word in ("killed", "timed out", "survived", "not reached")},
            "drawn_from": len(names),
            "tests": len(json.loads(plugin.reach_path.read_text(encoding="utf-8"))),
            "seed": options.seed,
            "commit": commit,
            "timeouts": sorted(mutant for mutant, word in results.items() if word == "timed out"),
        }
        text = json.dumps(dict(sorted(table.items())), indent=2, ensure_ascii=False)
        TABLE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
