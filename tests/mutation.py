"""Mutation testing of one package: 300 mutants, drawn by a seed, and how many of them its own tests notice.

mutmut writes every mutant into build/mutation. For each that is drawn, a fork of a session that has collected the tests
runs those that reach the mutated function, then the others of their files, whose fixtures may have reached it for them,
the quickest first. Left out are tests that start a process or a server, need more than 5 seconds, or look at the text
of the code and so fail on the copy as it is. A run that was interrupted goes on when it is started again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import pytest
from mutmut import __main__ as mutmut
from mutmut import configuration
from mutmut.mutation.trampoline import set_mutant_under_test

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "reports" / "benchmarks" / "mutation.json"
LEFT_OUT = ("service", "nightly", "gpu")
STARTS = {"subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.system", "socket.bind", "socket.connect"}
LONGEST_S = 5.0
MUTANTS = 300


def counts(item: pytest.Item) -> bool:
    """Tell whether a test may count. PostgreSQL is started once for all tests, and named by those that use it."""
    is_quick = not any(map(item.get_closest_marker, LEFT_OUT))
    return is_quick and "postgres" not in " ".join((item.nodeid, *getattr(item, "fixturenames", ())))


def forked(function: Callable[[], None]) -> int | None:
    """Return the exit code of a function in a process of its own; a signal's number is negative."""
    process = get_context("fork").Process(target=function)
    process.start()
    process.join()
    return process.exitcode


class Mutation:
    """Plugin that runs the tests of a session on each mutant."""

    def __init__(self, folder: Path, mutants: list[str]) -> None:
        self.mutants, self.reached, self.log = mutants, folder / "reached.json", folder / "results.txt"
        self.log.touch()
        self.results = dict(map(str.split, self.log.read_text(encoding="utf-8").splitlines()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Have Hypothesis make no failure smaller; pytest has to import it first, since it rewrites it."""
        from hypothesis import Phase, settings

        settings.register_profile("mutation", settings(), phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = [item for item in session.items if counts(item)]
        if session.testsfailed or (not self.reached.exists() and forked(lambda: self.reach(session, items))):
            raise session.Interrupted("the tests cannot be collected or run")
        self.tests = json.loads(self.reached.read_text(encoding="utf-8"))
        items = sorted((item for item in items if self.tests.get(item.nodeid)), key=lambda i: self.tests[i.nodeid][0])
        for mutant in self.mutants:
            if mutant not in self.results:
                self.results[mutant] = self.result(session, items, mutant)
                with self.log.open("a", encoding="utf-8") as log:
                    print(mutant, self.results[mutant], file=log)
        return True

    def reach(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Write down the processor time of each test and the functions that it reaches; None where it fails."""
        started: list[str] = []
        sys.addaudithook(lambda event, _: event in STARTS and started.append(event))
        set_mutant_under_test("stats")
        tests, functions = {}, mutmut.state()._stats
        for item, following in pairwise([*items, None]):
            begun_s = time.process_time()
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds = time.process_time() - begun_s
            if seconds <= LONGEST_S and not started:
                tests[item.nodeid] = None if session.testsfailed else (seconds, sorted(functions))
            session.testsfailed = 0
            functions.clear()
            started.clear()
        self.reached.write_text(json.dumps(tests), encoding="utf-8")

    def result(self, session: pytest.Session, items: list[pytest.Item], mutant: str) -> str:
        """Say what comes of a mutant: killed, timed_out, survived or not_reached."""
        function = mutmut.mangled_name_from_mutant_name(mutant)
        covering = {item for item in items if function in self.tests[item.nodeid][1]}
        files = {item.path for item in covering}
        chosen = sorted((item for item in items if item.path in files), key=lambda item: item not in covering)

        def kill() -> None:
            set_mutant_under_test(mutant)
            busy_s = 0.0

            def end_idle(*_: object) -> None:
                nonlocal busy_s
                if time.process_time() - busy_s < 0.01:
                    signal.raise_signal(signal.SIGPROF)
                busy_s = time.process_time()

            signal.signal(signal.SIGALRM, end_idle)
            for item, following in pairwise([*chosen, None]):
                signal.setitimer(signal.ITIMER_PROF, 5 + 10 * self.tests[item.nodeid][0])
                signal.setitimer(signal.ITIMER_REAL, 10, 10)
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    sys.exit(1)

        if not chosen:
            return "not_reached"
        return {0: "survived", -signal.SIGPROF: "timed_out"}.get(forked(kill), "killed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", help="a folder of harness, such as decisions")
    parser.add_argument("--seed", type=int, default=25)
    options = parser.parse_args()
    tests = f"tests/{options.package}"
    last = ("git", "log", "-1", "--format=%h", "--", "harness", tests)
    commit = subprocess.check_output(last, cwd=ROOT, text=True).strip()

    folder = ROOT / "build" / "mutation" / f"{options.package}-{options.seed}-{commit}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in subprocess.check_output(("git", "ls-tree", "--name-only", "HEAD"), cwd=ROOT, text=True).splitlines():
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
    plugin = Mutation(folder, random.Random(options.seed).sample(names, MUTANTS))
    os.chdir("mutants")
    # The server of pytest-rerunfailures would be shared by all forks.
    arguments = ["-q", "--rootdir=.", "-p", "no:cacheprovider", "-p", "no:rerunfailures", tests]
    with Path("pytest.log").open("w") as log, redirect_stdout(log):
        code = pytest.main(arguments, plugins=[plugin])
    found = Counter(plugin.results.values())
    print(f"{tests}: {found.total()} of {MUTANTS} mutants, pytest ended with {code}; {dict(found)}")
    if found:
        table = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
        table[options.package] = {
            "score": round(100 * (found["killed"] + found["timed_out"]) / found.total(), 1),
            **{word: found[word] for word in ("killed", "timed_out", "survived", "not_reached")},
            "mutants": found.total(),
            "drawn_from": len(names),
            "seed": options.seed,
            "tests": sum(map(bool, plugin.tests.values())),
            "tests_of_the_text": [test for test, reached in plugin.tests.items() if not reached],
            "commit": commit,
            "command": f"make mutation PACKAGE={options.package}",
            "timeouts": sorted(mutant for mutant, word in plugin.results.items() if word == "timed_out"),
        }
        TABLE.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
