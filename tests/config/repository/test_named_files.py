"""What code names as files, and where it reads something that can't be told."""

from __future__ import annotations

import ast
import webbrowser
from pathlib import Path
from textwrap import dedent

import pytest

from harness.config.repository.named_files import NamedFiles, named_in

FILE = Path("/project/suites/test_it.py")
VALUES = {"ROOT": Path("/project"), "CASES": "evals/cases.jsonl", "webbrowser": webbrowser}


def named(code: str) -> NamedFiles:
    tree = ast.parse(dedent(code))
    return named_in([tree], tree, FILE, VALUES)


def paths(code: str) -> set[str]:
    return {path.as_posix() for path in named(code).paths}


def test_texts_are_kept_with_their_line_but_for_prose() -> None:
    found = named('"""Two\nlines."""\nNAME = "data/a.txt"\nOTHER = "data/a.txt"\n')
    assert found.texts == {"data/a.txt": 3}
    assert named(f'x = "{"a" * 400}"').texts == {}


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("open(ROOT / 'a.txt')", "/project/a.txt"),
        ("(ROOT / 'a.txt').read_text()", "/project/a.txt"),
        ("with (ROOT / 'a.bin').open('rb') as stream: ...", "/project/a.bin"),
        ("for each in ROOT.rglob('*.json'): each.read_text()", "/project"),
        ("json.loads(Path(CASES).read_text())", "evals/cases.jsonl"),
        ("load(CASES)", "evals/cases.jsonl"),
        ("load(path=str(ROOT / 'a'))", "/project/a"),
        ("value = ROOT / 'data' / name", "/project/data"),
        ("judge.rate(answer, rubric=CASES)", "evals/cases.jsonl"),
        ("runpy.run_path('tool.py')", "tool.py"),
    ],
)
def test_what_is_opened_put_together_or_handed_on_is_named(code: str, path: str) -> None:
    found = named(code)
    assert path in {each.as_posix() for each in found.paths}
    assert found.untold == ""


@pytest.mark.parametrize(
    "code",
    [
        "open('a.log', 'a').write(x)",
        "open('a.log', mode='wb')",
        "open(file=ROOT / 'a.log', mode='x')",
        "open(name, 'a')",
        "import gzip\ngzip.open(f'{name}.log', 'wt')",
        "(ROOT / 'a.log').open('a')",
        "Path('a.log').open(mode='w')",
        "ROOT.joinpath('a.log').write_text(x)",
        "case.path.write_bytes(x)",
        "Path('logs').mkdir(exist_ok=True)",
        "import os\nos.makedirs('logs', exist_ok=True)",
        "import logging\nlogging.basicConfig(filename='a.log', level='INFO')",
        "import logging\nlogging.FileHandler('a.log')",
        "from logging.handlers import RotatingFileHandler\nRotatingFileHandler(ROOT / 'a.log', maxBytes=9)",
    ],
)
def test_what_is_written_only_is_no_file_that_is_read(code: str) -> None:
    found = named(code)
    assert (found.untold, found.paths) == ("", {})
    assert not {text for text in found.texts if "log" in text and text != "logging"}


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("open('a.log', 'r+')", "a.log"),
        ("open('a.log', 'a+')", "a.log"),
        ("open('a.log', mode)", "a.log"),
        ("open('a.log', 'a')\nopen('a.log')", "a.log"),
        ("LOG = Path('a.log')\nLOG.open('a')\nLOG.read_text()", "a.log"),
        ("import shelve\nshelve.open('a.log', 'w')", "a.log"),
        ("ZipFile(ROOT / 'a.log').open('a')", "/project/a.log"),
        ("open(load(ROOT / 'a.log'), 'w')", "/project/a.log"),
        ("logging.basicConfig(filename='b.log', format=Path('a.log').read_text())", "a.log"),
    ],
)
def test_what_is_written_and_may_be_read_as_well_is(code: str, path: str) -> None:
    found = named(code)
    assert path in {*map(Path.as_posix, found.paths), *found.texts}


@pytest.mark.parametrize("code", ["open(name, mode)", "open(name, 'w+')", "import dbm\ndbm.open(name, 'w')"])
def test_what_is_opened_in_a_mode_that_may_read_is_not_told(code: str) -> None:
    assert named(code).untold


def test_where_modules_are_looked_for_is_no_file_that_is_read() -> None:
    assert paths("sys.path.insert(0, str(ROOT))") == set()
    assert paths("HERE = Path(__file__).parent") == {FILE.as_posix()}


@pytest.mark.parametrize(
    "code",
    [
        "open(name)",
        "Path(case.file).read_text()",
        "def load(path):\n    return path.read_text()",
        "case.path.open()",
        "subprocess.run(['make'])",
        "exec(code)",
        "importlib.import_module(name)",
        "judge.prefer(a, b, rubric=case.rubric)",
        "os.listdir(folder)",
        "resources.files('pkg').joinpath('a').read_text()",
        "pandas.read_csv(case.table)",
        "from pandas import read_csv\nread_csv(case.table, sep=';')",
        "np.load(case.file + '.npy')",
        "sqlite3.connect(case.database)",
        "shutil.copy(case.file, tmp_path)",
        "load_dataset('csv', data_files=case.file)",
        "Environment(loader=FileSystemLoader(case.folder))",
        "importlib.util.spec_from_file_location('it', case.file)",
        "import asyncio\nasyncio.create_subprocess_exec('node', 'bot.js')",
        "from subprocess import run as start\nstart(['node'])",
        "import subprocess as sp",
        "os.execv('/bin/node', [])",
        "os.posix_spawn('/bin/node', [], {})",
        "from os import spawnl as start\nstart(0, 'node')",
        "from io import open as o\no(name)",
        "from codecs import open as o\no(name)",
        "open(file=name)",
        "texts = map(open, names)",
        "asyncio.to_thread(path.read_text)",
        "asyncio.to_thread(os.system, 'node bot.js')",
        "open(**options)",
        "from importlib.resources import read_text\nread_text('shop', name)",
        "from sqlite3 import connect\nconnect(DB + '.db')",
        "from pydoc import locate\nlocate(name)",
        "ConfigParser().read(name)",
        "import faiss\nfaiss.read_index(settings['index'])",
        "import ctypes\nctypes.cdll.LoadLibrary(name)",
        "finder.find_spec(name).loader.load_module(name)",
    ],
)
def test_what_is_read_by_a_name_that_can_not_be_told_is_said_with_its_line(code: str) -> None:
    assert named(f"import os\n{code}").untold.startswith("line ")


@pytest.mark.parametrize(
    "code",
    [
        "(tmp_path / 'x').read_text()",
        "open(tmp_path / name)",
        "webbrowser.open('http://127.0.0.1')",
        "answer.split('/')",
        "total / count",
        "model.ask(case.prompt)",
        "pandas.read_csv('a.csv', nrows=case.n)",
        "pandas.read_csv(io.StringIO(case.table))",
        "shutil.copytree(tmp_path / 'a', tmp_path / 'b')",
        "json.load(stream)",
        "case.fields.copy()",
    ],
)
def test_what_reads_no_file_of_the_project_is_none(code: str) -> None:
    assert named(code).untold == ""


def test_modules_imported_by_their_names_are_kept() -> None:
    assert named("importlib.import_module('a.b')\npytest.importorskip('c')").modules == {"a.b", "c"}
