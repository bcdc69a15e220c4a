"""What a module reaches is found without importing it, in the folder that it is said to lie in."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.repository.reach import all_files, files_below, project_root, reached_code
from tests.repositories import commit_all, write


def names(files: object, folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in files)  # type: ignore[attr-defined]


def test_imports_and_what_they_name_are_followed_from_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "shop/__init__.py")
    write(tmp_path, "shop/bot.py", "import json, numpy\nfrom . import rules\nfrom shop.find import look\n")
    write(tmp_path, "shop/rules.py", "import importlib\nimportlib.import_module('shop.plugin')\nBOOK = 'data'\n")
    write(tmp_path, "shop/plugin.py", "import shop.bot\n")
    write(
        tmp_path, "shop/find.py", "from pathlib import Path\nTEXT = (Path(__file__).parent / 'words.txt').read_text()\n"
    )
    write(tmp_path, "shop/words.txt", "word")
    write(tmp_path, "shop/unused.py", "")
    write(tmp_path, "data/book.jsonl", "{}")
    write(tmp_path, "data/.hidden", "")
    found = reached_code("shop.bot", tmp_path, [str(tmp_path)])
    reached = ["bot.py", "find.py", "plugin.py", "rules.py", "words.txt"]
    assert names(found.files, tmp_path) == [
        "data/book.jsonl",
        "shop/__init__.py",
        *(f"shop/{name}" for name in reached),
    ]
    assert found.packages == {"numpy"}
    assert found.untold == ""


def test_a_module_of_the_same_name_that_this_process_has_imported_is_another(tmp_path: Path) -> None:
    write(tmp_path, "tests/repositories.py", "")
    found = reached_code("tests.repositories", tmp_path, [str(tmp_path)])
    assert names(found.files, tmp_path) == ["tests/repositories.py"]


def test_what_can_t_be_told_is_said_and_what_is_installed_has_no_files(tmp_path: Path) -> None:
    write(tmp_path, "bot.py", "def load(path):\n    return open(path)\n")
    assert reached_code("bot", tmp_path, [str(tmp_path)]).untold == "bot.py, line 2: open"
    assert reached_code("numpy", tmp_path, [str(tmp_path)]).files == set()
    write(tmp_path, "broken.py", "def (")
    assert names(reached_code("broken", tmp_path, [str(tmp_path)]).files, tmp_path) == ["broken.py"]


def test_the_files_of_a_project_are_those_of_git_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("bot.py", "lib/a.py", "lib/__pycache__/a.pyc", ".env", "reports/latest/x.html", "secret.bin"):
        write(tmp_path, name)
    write(tmp_path, ".gitignore", "*.bin\n")
    assert names(files_below(tmp_path, tmp_path), tmp_path) == ["bot.py", "lib/a.py", "secret.bin"]
    assert all_files(tmp_path / "lib") == [tmp_path / "lib" / "a.py"]
    assert project_root(tmp_path / "lib") == tmp_path / "lib"
    commit_all(tmp_path)
    write(tmp_path, "new.py")
    assert project_root(tmp_path / "lib") == tmp_path
    tracked = ["bot.py", "lib/__pycache__/a.pyc", "lib/a.py", "new.py", "reports/latest/x.html"]
    assert names(all_files(tmp_path / "lib"), tmp_path) == tracked


HERE = "import os\nfrom pathlib import Path\nHERE = Path(__file__).parent\n"


@pytest.mark.parametrize(
    "code",
    [
        "def page(name): return (HERE / f'{name}.txt').read_text()",
        "def page(name): return open(os.path.join(HERE, name + '.txt'))",
        "for each in HERE.glob('*.txt'): each.read_text()",
        "for each in Path('.').glob('*.txt'): each.read_text()",
        "for each in HERE.parents[0].rglob('*.txt'): each.read_text()",
        "for each in os.walk('.'): ...",
        "for each in os.walk('..'): ...",
        "os.listdir()",
        "TEXTS = load_all(HERE)",
        "TEXTS = load_all('.')",
        "from glob import glob\nNAMES = glob('*.txt')",
    ],
)
def test_what_opens_or_lists_the_folder_itself_may_read_any_file(tmp_path: Path, code: str) -> None:
    write(tmp_path, "bot.py", HERE + code)
    assert reached_code("bot", tmp_path, [str(tmp_path)]).untold.startswith("bot.py, line ")


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nPARTS = map(importlib.import_module, NAMES)",
        "from importlib.util import find_spec\nfind_spec(NAME)",
        "from importlib.metadata import entry_points\nPARTS = [each.load() for each in entry_points(group='parts')]",
        "from jinja2 import PackageLoader\nLOADER = PackageLoader(__name__)",
        "import flask\nAPP = flask.Flask(__name__)",
        "import pkg_resources",
        "from langchain_community.document_loaders import TextLoader\ndef load(name): return TextLoader(name).load()",
        "import pandas\ndef load(name): return pandas.read_csv(filepath_or_buffer=name)",
    ],
)
def test_what_is_read_or_imported_by_a_library_of_a_name_that_can_t_be_told_may_be_any(
    tmp_path: Path, code: str
) -> None:
    write(tmp_path, "bot.py", code)
    assert reached_code("bot", tmp_path, [str(tmp_path)]).untold.startswith("bot.py, line ")


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("shop.plugin.Handler", "shop/plugin.py"),
        ("shop.plugin:answer", "shop/plugin.py"),
        ("prompts/{}.txt", "prompts/de.txt"),
        ("prompts/%s.txt", "prompts/de.txt"),
        ("prompts/*.txt", "prompts/de.txt"),
        ("/prompts/de.txt", "prompts/de.txt"),
        ("sqlite:///prompts/de.txt", "prompts/de.txt"),
        ("file:prompts/de.txt?mode=ro", "prompts/de.txt"),
        ("%s/de.txt", None),
        ("Deliver {} to example.com.", None),
        ("shop.gone:answer", "shop/__init__.py"),
    ],
)
def test_modules_and_patterns_of_paths_in_texts_are_followed(tmp_path: Path, text: str, reached: str | None) -> None:
    for name in ("prompts/de.txt", "shop/__init__.py", "shop/plugin.py"):
        write(tmp_path, name)
    write(tmp_path, "bot.py", f"import lib\nlib.Given({text!r})")
    found = reached_code("bot", tmp_path, [str(tmp_path)])
    assert found.untold == ""
    assert {reached or "bot.py"} <= set(names(found.files, tmp_path))
    assert len(found.files) == (1 if reached is None else 3 if reached.endswith("plugin.py") else 2)


@pytest.mark.parametrize("code", ["shelve.open('data/sh')", "dbm.open(str(Path(__file__).parent / 'data/sh'))"])
def test_a_name_to_which_a_library_appends_suffixes_is_all_files_that_begin_with_it(tmp_path: Path, code: str) -> None:
    write(tmp_path, "bot.py", f"import dbm, shelve\nfrom pathlib import Path\n{code}\n")
    for name in ("sh.db", "sh.dat", "sh.bak.1", "sh.py", "shed.db", "other.db"):
        write(tmp_path, f"data/{name}")
    found = reached_code("bot", tmp_path, [str(tmp_path)])
    assert names(found.files, tmp_path) == ["bot.py", "data/sh.bak.1", "data/sh.dat", "data/sh.db"]
    assert found.untold == ""


def test_a_folder_is_no_name_to_which_a_library_appends_suffixes(tmp_path: Path) -> None:
    write(tmp_path, "bot.py", "import shutil\nshutil.copytree('cases', 'x')\n")
    for name in ("cases/a.txt", "cases.jsonl"):
        write(tmp_path, name)
    assert names(reached_code("bot", tmp_path, [str(tmp_path)]).files, tmp_path) == ["bot.py", "cases/a.txt"]


def test_texts_that_are_cut_are_no_folders(tmp_path: Path) -> None:
    write(
        tmp_path, "bot.py", "DOT = '.'\ndef cut(text): return text.split(DOT), text.split('..'), print('.'), sum('/')"
    )
    assert reached_code("bot", tmp_path, [str(tmp_path)]).untold == ""


def test_a_program_that_is_named_is_followed_with_what_it_imports_from_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "bot.py", "import runpy\nrunpy.run_path('tools/tool.py')\n")
    write(tmp_path, "tools/tool.py", "from rules import RULE\nTEXT = open('rule.txt').read()\n")
    write(tmp_path, "tools/rules.py", "RULE = 1")
    write(tmp_path, "rule.txt", "")
    found = reached_code("bot", tmp_path, [str(tmp_path)])
    assert names(found.files, tmp_path) == ["bot.py", "rule.txt", "tools/rules.py", "tools/tool.py"]
    assert found.packages == set()


@pytest.mark.parametrize(
    ("place", "is_told"),
    [
        ("str(HERE)", True),
        ("str(HERE.parent)", False),
        ("str(HERE / NAME)", False),
        ("'..'", False),
        ("'.'", True),
    ],
)
def test_modules_that_are_looked_for_elsewhere_may_be_any(tmp_path: Path, place: str, is_told: bool) -> None:
    for line in (f"sys.path.insert(0, {place})", f"sys.path[:0] = [{place}]"):
        write(tmp_path, "app/bot.py", f"{HERE}import sys\n{line}\nimport common\n")
        found = reached_code("bot", tmp_path / "app", [str(tmp_path / "app")])
        assert (found.untold == "") is is_told


def test_a_module_is_needed_unless_its_lack_is_seen_to(tmp_path: Path) -> None:
    guarded = "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
    typed = "import typing\nif typing.TYPE_CHECKING:\n    import kinds\n"
    write(tmp_path, "bot.py", f"{guarded}{typed}import common\nimport importlib\nimportlib.import_module('other')\n")
    found = reached_code("bot", tmp_path, [str(tmp_path)])
    assert (found.packages, found.needed) == ({"fast", "kinds", "common", "other"}, {"common", "other"})


@pytest.mark.parametrize("package", ["__name__", "__package__", "'shop'", "package=__package__"])
def test_a_module_is_imported_from_the_package_beside(tmp_path: Path, package: str) -> None:
    write(tmp_path, "shop/__init__.py", f"import importlib\nimportlib.import_module('.bot', {package})\n")
    write(tmp_path, "shop/bot.py")
    found = reached_code("shop", tmp_path, [str(tmp_path)])
    assert names(found.files, tmp_path) == ["shop/__init__.py", "shop/bot.py"]
    assert (found.packages, found.untold) == (set(), "")


@pytest.mark.parametrize("what", ["'.gone', __name__", "'.bot', PACKAGE", "'....bot', 'shop'"])
def test_one_that_is_not_beside_may_be_any(tmp_path: Path, what: str) -> None:
    write(tmp_path, "shop/__init__.py", f"import importlib\nimportlib.import_module({what})\n")
    found = reached_code("shop", tmp_path, [str(tmp_path)])
    assert found.untold
    assert "" not in found.packages


def test_files_below_a_folder_that_is_read_are_all_but_hidden_ones(tmp_path: Path) -> None:
    inside = ["data/node_modules/b.txt", "data/reports/a.txt"]
    for name in (*inside, "corpus/c.txt", ".prompts/p.txt", "bot.py"):
        write(tmp_path, name)
    (tmp_path / "data/linked").symlink_to("../corpus")
    (tmp_path / "corpus/back").symlink_to("../data")
    found = names(files_below(tmp_path / "data"), tmp_path)
    assert found == ["data/linked/c.txt", *inside]
    write(tmp_path, "bot.py", "import glob\nNAMES = glob.glob('.prompts/*.txt')\n")
    reached = reached_code("bot", tmp_path, [str(tmp_path)])
    assert names(reached.files, tmp_path) == [".prompts/p.txt", "bot.py"]
