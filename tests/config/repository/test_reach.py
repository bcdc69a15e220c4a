"""What a module reaches is found without importing it, in the folder that it is said to lie in."""

from __future__ import annotations

from pathlib import Path

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
    assert names(files_below(tmp_path), tmp_path) == ["bot.py", "lib/a.py", "secret.bin"]
    assert all_files(tmp_path / "lib") == [tmp_path / "lib" / "a.py"]
    assert project_root(tmp_path / "lib") == tmp_path / "lib"
    commit_all(tmp_path)
    write(tmp_path, "new.py")
    assert project_root(tmp_path / "lib") == tmp_path
    tracked = ["bot.py", "lib/__pycache__/a.pyc", "lib/a.py", "new.py", "reports/latest/x.html"]
    assert names(all_files(tmp_path / "lib"), tmp_path) == tracked
