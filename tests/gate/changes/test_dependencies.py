"""Why an evaluation may be concerned: its files, what its code imports and names, and what can't be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config.repository.git import Repository
from harness.gate.changes.dependencies import Dependencies, EvaluationCode
from tests.repositories import commit_all, git, write

pytestmark = pytest.mark.service


TEST = """
import pytest
from helper_of_test import norm

DATA = "data/numbers.txt"


@pytest.mark.evaluation(cases="evals/cases.jsonl")
def test_it(model, case):
    return norm(DATA)


@pytest.mark.evaluation(cases="evals/others.jsonl")
def test_other(model, case):
    return 1.0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a test module, a module that it imports with one more behind it, cases and data."""
    write(tmp_path, ".gitignore", "*.bin\nsecret/\n")
    write(tmp_path, "suites/test_it.py", TEST)
    write(tmp_path, "suites/conftest.py", "")
    write(tmp_path, "lib/helper_of_test.py", "from deep_of_test import x\n\ndef norm(text):\n    return text\n")
    write(tmp_path, "lib/deep_of_test.py", "import helper_of_test\nx = 1\n")
    for name in ("evals/cases.jsonl", "evals/others.jsonl", "data/numbers.txt", "README.md", "secret/key.txt"):
        write(tmp_path, name, "x")
    commit_all(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    return tmp_path.resolve()


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("code", "of_it"),
    [
        ("from harness import SimulatedUser\n\ndef test_it(model):\n    SimulatedUser('gpt')\n", True),
        ("from harness import SimulatedUser as User\n\ndef test_it(model):\n    User('gpt')\n", True),
        ("import harness\n\ndef test_it(model):\n    getattr(harness, 'SimulatedUser')('gpt')\n", True),
        (
            "import harness\n\ndef test_other(model):\n    harness.SimulatedUser('gpt')\n\ndef test_it(model): ...\n",
            False,
        ),
    ],
)
def test_what_plays_users_concerns_the_code_that_has_them(folder: Path, code: str, of_it: bool) -> None:
    write(folder, "suites/test_it.py", code)
    commit_all(folder)
    repository = Repository(folder)
    dependencies = Dependencies(repository.changed_since(repository.commit("HEAD")), folder, [folder], "gpt changed")
    subject = EvaluationCode(folder / "suites" / "test_it.py", "test_it")
    assert dependencies.why(subject) == ("gpt changed" if of_it else None)


def why(folder: Path, function: str = "test_it", **fields: object) -> str | None:
    """Why an evaluation of the module runs since the last commit."""
    repository = Repository(folder)
    dependencies = Dependencies(repository.changed_since(repository.commit("HEAD")), folder, [folder])
    cases = folder / "evals" / ("cases.jsonl" if function == "test_it" else "others.jsonl")
    known = {"module": folder / "suites" / "test_it.py", "files": {cases: "its cases"}, "names_cases": True}
    return dependencies.why(EvaluationCode(function=function, **{**known, **fields}))  # type: ignore[arg-type]


def test_nothing_changed_is_no_reason(folder: Path) -> None:
    assert why(folder) is None


def test_what_it_has_nothing_to_do_with_is_none(folder: Path) -> None:
    write(folder, "README.md", "other")
    write(folder, "new.txt")
    write(folder, "suites/test_another.py")
    assert why(folder) is None


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("suites/test_it.py", "suites/test_it.py changed, its test file"),
        ("evals/cases.jsonl", "evals/cases.jsonl changed, its cases"),
        ("lib/helper_of_test.py", "lib/helper_of_test.py changed, which suites/test_it.py imports"),
        ("lib/deep_of_test.py", "lib/deep_of_test.py changed, which lib/helper_of_test.py imports"),
        ("data/numbers.txt", "data/numbers.txt changed, named in suites/test_it.py, line 5"),
    ],
)
def test_what_it_depends_on_is_the_reason(folder: Path, name: str, reason: str) -> None:
    with (folder / name).open("a") as stream:
        stream.write("\n# changed\n")
    assert why(folder) == reason


def test_another_evaluation_of_the_module_depends_on_its_own(folder: Path) -> None:
    write(folder, "evals/cases.jsonl", "other")
    write(folder, "data/numbers.txt", "other")
    assert why(folder) is not None
    assert why(folder, "test_other") is None
    write(folder, "evals/others.jsonl", "other")
    assert why(folder, "test_other") == "evals/others.jsonl changed, its cases"


@pytest.mark.nightly
def test_modules_that_import_each_other_are_all_looked_at(folder: Path) -> None:
    write(folder, "lib/last_of_test.py", "y = 1\n")
    write(folder, "lib/deep_of_test.py", "import helper_of_test\nimport last_of_test\nx = 1\n")
    commit_all(folder)
    write(folder, "lib/last_of_test.py", "y = 2\n")
    for module in ("helper_of_test", "deep_of_test"):
        reason = why(folder, code=(folder / "lib" / f"{module}.py",), module=None, files={})
        assert reason == "lib/last_of_test.py changed, which lib/deep_of_test.py imports"


@pytest.mark.nightly
def test_a_data_file_that_is_gone_or_new_counts(folder: Path) -> None:
    (folder / "data" / "numbers.txt").unlink()
    assert "data/numbers.txt changed" in str(why(folder))
    commit_all(folder)
    assert why(folder) is None
    write(folder, "data/numbers.txt", "new")
    assert "data/numbers.txt changed" in str(why(folder))


def test_a_module_that_is_gone_counts_where_its_import_is_tried(folder: Path) -> None:
    write(folder, "suites/test_it.py", TEST + "\ntry:\n    import gone_of_test\nexcept ImportError:\n    pass\n")
    write(folder, "lib/gone_of_test.py")
    commit_all(folder)
    (folder / "lib" / "gone_of_test.py").unlink()
    assert why(folder) == "lib/gone_of_test.py changed, which suites/test_it.py imports"


def test_a_folder_that_is_named_counts_with_all_in_it(folder: Path) -> None:
    write(folder, "suites/test_it.py", TEST.replace("data/numbers.txt", "data"))
    commit_all(folder)
    write(folder, "data/deep/new.txt")
    assert why(folder) == "data/deep/new.txt changed, named in suites/test_it.py, line 5"


def test_code_that_takes_part_counts_with_what_it_imports_and_what_is_installed_does_not(folder: Path) -> None:
    plugin = write(folder, "plugins/own_of_test.py", "import helper_of_test\n")
    commit_all(folder)
    write(folder, "lib/deep_of_test.py", "x = 2\n")
    code = (Path(pytest.__file__), plugin)
    assert why(folder, "test_other", module=None, code=code) == (
        "lib/deep_of_test.py changed, which lib/helper_of_test.py imports"
    )
    write(folder, "plugins/own_of_test.py", "x = 1\n")
    assert why(folder, module=None, code=code) == "plugins/own_of_test.py changed, which takes part in its run"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("open(case.file)", "it may read any file (suites/test_it.py, line 10: open)"),
        ("load('secret/key.txt')", "git does not know secret/key.txt, named in suites/test_it.py, line 10"),
    ],
)
def test_what_can_not_be_told_is_a_reason_though_nothing_changed(folder: Path, code: str, reason: str) -> None:
    write(folder, "suites/test_it.py", TEST.replace("    return norm(DATA)", f"    {code}\n    return norm(DATA)", 1))
    commit_all(folder)
    assert why(folder) == reason
    assert why(folder, "test_other") is None


def test_a_file_outside_of_the_repository_is_not_known(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = write(tmp_path_factory.mktemp("outside"), "cases.jsonl")
    assert why(folder, files={outside: "its cases"}) == f"git does not know {outside}, its cases"


def test_a_task_file_counts_with_what_it_includes(folder: Path) -> None:
    task = write(folder, "tasks/task.yaml", "include: ../shared/base.yaml\ntask: mine\n")
    write(folder, "shared/base.yaml", "x: 1\n")
    commit_all(folder)
    assert why(folder, module=None, files={task: "its task"}) is None
    write(folder, "shared/base.yaml", "x: 2\n")
    assert why(folder, module=None, files={task: "its task"}) == "shared/base.yaml changed, named in task.yaml"


@pytest.mark.nightly
@pytest.mark.parametrize("named", ["data/more.txt", "./data/more.txt", "data"])
def test_a_file_of_cases_counts_with_what_its_cases_name(folder: Path, named: str) -> None:
    write(folder, "evals/cases.jsonl", json.dumps({"id": "a", "prompt": "What is in it?", "file": named}))
    write(folder, "data/more.txt", "1")
    commit_all(folder)
    assert why(folder) is None
    write(folder, "data/more.txt", "2")
    assert why(folder) == "data/more.txt changed, named in cases.jsonl"
    assert why(folder, "test_other") is None


def test_a_file_of_cases_that_names_what_git_ignores_can_not_be_told(folder: Path) -> None:
    write(folder, "evals/cases.jsonl", json.dumps({"id": "a", "prompt": "Open it.", "file": "secret/key.txt"}))
    commit_all(folder)
    assert why(folder) == "git does not know secret/key.txt, named in cases.jsonl"


@pytest.mark.parametrize(("name", "named"), [("kv.bin", "kv"), ("secret/kv.db", "secret/kv")])
def test_an_ignored_file_that_a_library_opens_without_its_suffix_can_not_be_told(
    folder: Path, name: str, named: str
) -> None:
    write(folder, name)
    write(folder, "suites/test_it.py", TEST.replace("data/numbers.txt", named))
    commit_all(folder)
    assert why(folder) == f"git does not know {name}, named in suites/test_it.py, line 5"
    write(folder, "evals/cases.jsonl", json.dumps({"id": "a", "prompt": "Open it.", "file": named}))
    commit_all(folder)
    assert why(folder) == f"git does not know {name}, named in cases.jsonl"


def test_a_test_file_that_is_a_link_counts_with_what_it_leads_to(folder: Path) -> None:
    (folder / "suites" / "test_link.py").symlink_to("test_it.py")
    commit_all(folder)
    write(folder, "suites/test_it.py", TEST + "\n")
    assert why(folder, module=folder / "suites" / "test_link.py") == "suites/test_it.py changed, its test file"


def test_a_test_file_that_git_ignores_is_not_known(folder: Path) -> None:
    write(folder, ".gitignore", "test_it.py\n")
    git(folder, "rm", "--quiet", "--cached", "suites/test_it.py")
    commit_all(folder)
    assert why(folder) == "git does not know suites/test_it.py, its test file"
