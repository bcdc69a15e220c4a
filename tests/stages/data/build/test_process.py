"""A build that is killed goes on where it stopped, and two of one recipe are one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.config import Settings
from harness.stages.data.recipe import corpus_recipe
from harness.stages.data.versions import build_corpus, corpus_folder
from tests.stages.data.projects import HELD, long_rows, project, some_rows, write_lines
from tests.stages.data.test_corpus_build import contents
from tests.waiting import wait_until

pytestmark = pytest.mark.service
Start = Callable[[], subprocess.Popen[str]]
_BUILD = """
import sys
from pathlib import Path
from tests.stages.data.build.test_process import logging_project
from harness.stages.data.versions import build_corpus
print(build_corpus(logging_project(Path(sys.argv[1])), "clean", executor={"name": "local", "workers": 2}).fingerprint)
"""


def logging_project(root: Path) -> Settings:
    """A step tells in a file which documents it sees."""
    return project(root, "d.jsonl", ["steps:logged"], logged={"log": str(root / "seen")})


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that wants the corpus; none outlives its test."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _BUILD, str(tmp_path)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def builders(root: Path) -> list[int]:
    """The processes that build in this project's cache."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"harness.stages.data.build.process" in (entry / "cmdline").read_bytes():
                variables = (entry / "environ").read_bytes()
                found += [int(entry.name)] * (str(root / "cache").encode() in variables)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("victim", "how"),
    [
        ("who wants it", signal.SIGKILL),
        ("who wants it", signal.SIGINT),
        ("who builds it", signal.SIGKILL),
        ("a worker", signal.SIGKILL),
    ],
)
@pytest.mark.nightly
def test_a_killed_build_goes_on_where_it_stopped(tmp_path: Path, start: Start, victim: str, how: int) -> None:
    rows = long_rows()
    write_lines(tmp_path / "d.jsonl", rows)
    held = tmp_path / "seen.held"
    held.write_bytes(HELD)
    settings = logging_project(tmp_path)
    folder = corpus_folder(corpus_recipe(settings, "clean"))
    done = folder.with_name(f"{folder.name}.draft") / "00" / "completions"
    process = start()
    wait_until(lambda: done.is_dir() and len(list(done.iterdir())) >= 2)
    completed = {path.name for path in done.iterdir()}
    building = min(builders(tmp_path))
    worker = max(builders(tmp_path))
    os.kill({"who wants it": process.pid, "who builds it": building, "a worker": worker}[victim], how)
    process.wait(timeout=120)
    wait_until(lambda: not builders(tmp_path))
    held.unlink()
    assert not folder.exists()
    seen = (tmp_path / "seen").read_text().split()
    corpus = build_corpus(settings, "clean")
    again = (tmp_path / "seen").read_text().split()[len(seen) :]
    assert len(completed) >= 2
    assert len(again) < 1000
    assert set(seen) | set(again) == {row["id"] for row in rows}
    untouched = project(tmp_path, "d.jsonl", ["steps:same"])
    assert corpus.fingerprint == build_corpus(untouched, "clean").fingerprint
    assert [path.name for path in folder.parent.iterdir() if path.suffix == ".draft"] == []


def test_two_builds_of_one_recipe_at_once_do_the_work_once(tmp_path: Path, start: Start) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(200))
    logging_project(tmp_path)
    processes = [start() for _ in range(2)]
    said = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert said[0] == said[1] != ""
    assert set(Counter((tmp_path / "seen").read_text().split()).values()) == {1}


def test_the_bytes_of_a_build_that_was_killed_are_those_of_one_that_was_not(tmp_path: Path, start: Start) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(400))
    settings = logging_project(tmp_path)
    expected = contents(build_corpus(settings, "clean"))
    folder = corpus_folder(corpus_recipe(settings, "clean"))
    folder.rename(tmp_path / "first")
    (tmp_path / "seen").unlink()
    (tmp_path / "seen.held").touch()
    process = start()
    wait_until(lambda: (tmp_path / "seen").exists())
    process.kill()
    process.communicate()
    (tmp_path / "seen.held").unlink()
    assert contents(build_corpus(settings, "clean")) == expected
