"""The suite: all evaluations among which the error rate of red is shared, whichever of them a session runs.

It is all that lies below `testpaths`, for an evaluation there. For another it is the topmost folder of the project that
holds it, such as `evals` for `evals/safety/test_refusals.py`, or the whole project for a file in its own folder. What a
session has not collected whole (by `--lf`, a node id, one file of several) is remembered in pytest's cache, by the
content of the files. What is not, or has changed, is collected in a process of its own, and not run.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

COLLECTION = "steelyard-collection"
"""The name of the plugin that knows the evaluations of a session."""
_CACHED = "steelyard/suite"


@dataclass(frozen=True, slots=True)
class FileContents:
    """The evaluations of a test file.

    Attributes:
        evaluations: what each takes of the version under test, by pytest's id without the file.
        reads: the files of cases that say how many evaluations there are.
        digest: of the file, of each conftest.py above it, and of those.
    """

    evaluations: Mapping[str, list[str]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    digest: str = ""


@dataclass(frozen=True, slots=True)
class CollectedSuite:
    """The evaluations of a suite.

    Attributes:
        evaluations: by pytest's id, the file of each and what it takes of the version under test.
        uncollected: the files that could not be collected.
        tops: its folders.
        files: those whose evaluations are known.
    """

    evaluations: Mapping[str, tuple[Path, list[str]]]
    uncollected: list[str]
    tops: list[Path]
    files: Collection[Path]

    def has_looked(self, file: Path) -> bool:
        """Tell whether all evaluations of a file are known, which may be gone by now."""
        file = file.resolve()
        is_known = file in self.files if file.exists() else file.suffix == ".py"
        return is_known and any(map(file.is_relative_to, self.tops))


def find_suite(
    config: pytest.Config, project: Path, collected: Mapping[Path, FileContents], chosen: Collection[Path]
) -> CollectedSuite:
    """Find the suite of the evaluations of a session; nothing is run.

    Args:
        project: its folder.
        collected: the files that the session has collected whole.
        chosen: the files with an evaluation that may run.
    """
    cache = getattr(config, "cache", None)
    remembered = {} if cache is None else _read(cache.get(_CACHED, {}))
    tops = _tops(config, project, chosen)
    files = {each.resolve(): each for top in tops for each in _files(config, top)}
    files |= {each.resolve(): each for each in chosen}
    known = {file: remembered.get(str(file), FileContents()) for file in files}
    others = [file for file in files if file not in collected]
    lacking = [file for file in others if known[file].digest != _digest(config, file, known[file].reads)]
    suite_files = {**collected, **(_collect(config, lacking) if lacking else {})}
    for file in files.keys() & suite_files.keys():
        known[file] = replace(suite_files[file], digest=_digest(config, file, suite_files[file].reads))
    kept = remembered | {str(file): each for file, each in known.items() if each.digest}
    if cache is not None and kept != remembered:
        cache.set(_CACHED, {name: asdict(each) for name, each in kept.items() if Path(name).exists()})
    named = {file: Path(os.path.relpath(path, config.rootpath)).as_posix() for file, path in files.items()}
    evaluations = {
        f"{named[file]}::{name}": (path, own_names)
        for file, path in files.items()
        for name, own_names in known[file].evaluations.items()
    }
    lost = [each for each in lacking if each not in suite_files]
    names, folders = [named[each] for each in lost], [each.resolve() for each in tops]
    return CollectedSuite(evaluations, names, folders, files.keys() - lost)


def _tops(config: pytest.Config, project: Path, chosen: Iterable[Path]) -> set[Path]:
    """The folders of the suite, or files that `testpaths` names."""
    patterns = (str(config.rootpath / each) for each in config.getini("testpaths"))
    tested = [Path(each) for pattern in patterns for each in glob.glob(pattern, recursive=True)]  # noqa: PTH207  as pytest
    tops: set[Path] = set()
    for file in chosen:
        if any(file.is_relative_to(each) for each in tested):
            tops.update(tested)
        elif file.is_relative_to(project):
            first, *others = file.relative_to(project).parts
            tops.add(project / first if others else project)
        else:
            tops.add(file.parent)
    return tops


def _files(config: pytest.Config, top: Path) -> Iterator[Path]:
    """The test files of a folder, as pytest finds them."""

    def matches(path: Path, patterns: str) -> bool:
        given = config.getini(patterns)
        return any(fnmatch(str(path), f"*/{each}") if "/" in each else fnmatch(path.name, each) for each in given)

    if top.is_file():
        yield top
    for folder, inner, names in os.walk(top):
        there = [Path(folder, each) for each in inner if each != "__pycache__"]
        inner[:] = [
            each.name for each in there if not (matches(each, "norecursedirs") or (each / "pyvenv.cfg").exists())
        ]
        paths = (Path(folder, each) for each in names if each.endswith(".py"))
        yield from (each for each in paths if matches(each, "python_files"))


def _digest(config: pytest.Config, file: Path, reads: Iterable[str]) -> str:
    """The digest of a test file with each conftest.py above it and what else decides what is collected."""
    above = [each / "conftest.py" for each in file.parents if each.is_relative_to(config.rootpath.resolve())]
    digest = hashlib.sha256()
    for path in (file, *above, *map(Path, reads)):
        with suppress(OSError):  # there is none, or it can't be read, which pytest will say
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(plain: Mapping[str, Mapping[str, object]]) -> dict[str, FileContents]:
    """Read contents as JSON has them; none where they were written by another version."""
    try:
        return {name: FileContents(**each) for name, each in plain.items()}  # type: ignore[arg-type]
    except (AttributeError, TypeError):
        return {}


# -- in a process of its own -------------------------------------------------------------------------------------------


def _collect(config: pytest.Config, files: Collection[Path]) -> dict[Path, FileContents]:
    """Collect files without running anything; those that can't be are not in the result."""
    given = ["--collect-only", "-q", "--maxfail=0", "-p", "no:lfplugin"]
    given += [f"--rootdir={config.rootpath}"] if config.getoption("rootdir") else []
    given += [f"--config-file={config.inipath}"] if config.inipath is not None else []
    given += [each for name in config.option.plugins or () for each in ("-p", name)]
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and config.option.verbose >= 0:
        what = f"{len(files):,} file{'s' * (len(files) > 1)}"
        reporter.write_line(
            f"steelyard: collecting {what} without running them, for all of the suite shares the error rate"
        )
    with TemporaryDirectory(prefix="steelyard-") as folder:
        path = Path(folder, "suite.json")
        subprocess.run(
            [sys.executable, "-P", "-c", f"from {__name__} import list_files; list_files()", path, *given, *files],
            cwd=config.invocation_params.dir,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        with suppress(OSError, ValueError):  # it wrote nothing, or a part
            return {Path(name): each for name, each in _read(json.loads(path.read_text(encoding="utf-8"))).items()}
    return {}


def list_files() -> None:
    """Collect as the command line says, and write what each file has into the file that it names first."""
    path, *arguments = sys.argv[1:]

    class Listing:
        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
            """Called when all is collected: nothing more needs to be known of the items."""
            collection = config.pluginmanager.get_plugin(COLLECTION)
            assert collection is not None
            files = {str(file): asdict(each) for file, each in collection.files().items()}
            Path(path).write_text(json.dumps(files), encoding="utf-8")
            items.clear()

    pytest.main(arguments, plugins=[Listing()])
