"""Which evaluations run after a change of versions, settings, packages and Steelyard itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import load_settings
from harness.errors import SettingsError
from harness.gate.changes.dependencies import EvaluationCode
from harness.gate.changes.selection import Selector
from tests.repositories import commit_all, write

pytestmark = pytest.mark.service

SETTINGS = """
candidate = "new"
baseline = "old"
judge = "strict"
samples = 5

[models.old]
engine = "openai"
base_url = "http://127.0.0.1:1/v1"
model = "m"
sampling = { temperature = 0.7 }

[models.new]
base = "old"
system = "Be brief."

[models.strict]
base = "old"
system = "Judge."

[models.other]
base = "old"
system = "Unused."

[models.tuned]
engine = "transformers"
weights = "weights/tuned"

[models.student]
engine = "transformers"
distilled = { teacher = "tuned", data = "clean", student = { layers = 2 } }

[models.sorter]
base = "student"
adapter = { data = "train.jsonl" }

[models.prompted]
base = "old"
template = "file:prompts/ask.md"

[models.desk]
base = "old"
retrieval = { passages = "prompts/passages.jsonl" }

[corpora.raw]
documents = "web"

[corpora.clean]
base = "raw"
steps = ["filters.own:short"]
tokenizer = "tuned"
"""

SETTINGS_OF_PROJECT = "[tool.steelyard]" + re.sub(r"(?m)^\[", "[tool.steelyard.", SETTINGS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a candidate, a baseline, a judge, a version that nobody asks, and one with weights of its own."""
    write(tmp_path, "steelyard.toml", SETTINGS)
    write(tmp_path, ".gitignore", "weights/big/\n")
    write(tmp_path, "cases.jsonl", "x")
    write(tmp_path, "weights/tuned/adapter.json", "x")
    write(tmp_path, "web/a.jsonl", "x")
    for name in ("ask.md", "passages.jsonl"):
        write(tmp_path, f"prompts/{name}", "x")
    write(tmp_path, "filters/own.py", "from filters.words import N\n\ndef short(document):\n    return N\n")
    write(tmp_path, "filters/words.py", "N = 3\n")
    commit_all(tmp_path)
    return tmp_path.resolve()


def reasons(folder: Path, ref: str = "HEAD", **options: Any) -> tuple[str | None, str | None]:
    """Why an evaluation runs, and why one that asks a judge does."""
    settings = replace(load_settings(folder), **options)
    subject = EvaluationCode(None, files={folder / "cases.jsonl": "its cases"})
    selection = Selector(settings, ref, [folder]).select({"plain": (subject, False), "judged": (subject, True)})
    found = {each.id: each.reason for each in selection.chosen}
    assert sorted([*found, *selection.left_out]) == ["judged", "plain"]
    return found.get("plain"), found.get("judged")


def rewrite(folder: Path, before: str, after: str) -> None:
    path = folder / "steelyard.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_nothing_changed_leaves_all_out(folder: Path) -> None:
    assert reasons(folder) == (None, None)


def test_the_ref_and_its_commit_are_kept(folder: Path) -> None:
    selection = Selector(load_settings(folder), "main", [folder]).select({})
    assert (selection.since, len(selection.commit)) == ("main", 40)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('"Be brief."', '"Be briefer."', "version 'new' changed"),
        ("temperature = 0.7", "temperature = 0.8", "version 'new' changed"),
        ("samples = 5", "samples = 6", "steelyard.toml: samples changed"),
        ('baseline = "old"', 'baseline = "other"', "steelyard.toml: baseline changed"),
    ],
)
def test_versions_under_test_and_what_decides_concern_all(folder: Path, before: str, after: str, reason: str) -> None:
    rewrite(folder, before, after)
    assert reasons(folder) == (reason, reason)


@pytest.mark.parametrize("revision", ["${GIT_SHA}", "${GIT_SHA:-dev}", "build ${GIT_SHA}"])
def test_a_version_whose_revision_is_the_commit_is_another_at_another_commit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    monkeypatch.delenv("GIT_SHA", raising=False)
    rewrite(folder, 'system = "Be brief."', f'system = "Be brief."\nrevision = "{revision}"')
    commit_all(folder)
    assert reasons(folder) == (None, None)
    write(folder, "server.py", "2")  # which no test imports
    commit_all(folder)
    assert reasons(folder) == (None, None)
    assert reasons(folder, "HEAD~1") == ("version 'new' changed",) * 2


def test_another_variable_counts_as_it_is_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(folder, '"Be brief."', '"Be brief."\nrevision = "${BUILD:-dev}"')
    commit_all(folder)
    monkeypatch.setenv("BUILD", "7")
    assert reasons(folder) == (None, None)


def test_a_change_of_the_baseline_alone_concerns_all(folder: Path) -> None:
    rewrite(folder, 'model = "m"\n', 'model = "m"\nrevision = "2"\n')
    assert reasons(folder, candidate="tuned")[0] == "version 'old' changed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"Unused."', '"Still unused."'),
        ("samples = 5", 'samples = 5\nconcurrency = 3\nmax_cost = 1.5\ndeadline = "5m"'),
        ('system = "Be brief."', 'system = "Be brief."\ndescription = "d"\nprice = { input = 1, output = 2 }'),
    ],
)
def test_what_no_verdict_depends_on_concerns_nobody(folder: Path, before: str, after: str) -> None:
    rewrite(folder, before, after)
    assert reasons(folder) == (None, None)


def test_the_judge_concerns_those_who_ask_it(folder: Path) -> None:
    rewrite(folder, '"Judge."', '"Judge well."')
    assert reasons(folder) == (None, "version 'strict' changed")


def test_any_model_concerns_those_who_have_a_user_simulated(folder: Path) -> None:
    test = write(
        folder,
        "suites/test_talk.py",
        "import harness\n\ndef test_talk(model, case):\n    harness.SimulatedUser(case.by)\n",
    )
    commit_all(folder)
    subjects = {"talk": (EvaluationCode(test, "test_talk"), False)}
    assert not Selector(load_settings(folder), "HEAD", [folder]).select(subjects).chosen
    rewrite(folder, '"Unused."', '"Used."')
    (chosen,) = Selector(load_settings(folder), "HEAD", [folder]).select(subjects).chosen
    assert chosen.reason == "version 'other' changed"
    assert reasons(folder) == (None, None)


def test_the_base_of_what_was_customised_concerns_all(folder: Path) -> None:
    text = (folder / "steelyard.toml").read_text(encoding="utf-8")
    sorter = '[models.sorter]\nsystem = "Sort."\nbase = "student"'
    write(folder, "steelyard.toml", text.replace('[models.sorter]\nbase = "student"', sorter))
    commit_all(folder)
    assert reasons(folder, candidate="sorter", baseline="none") == (None, None)
    rewrite(folder, "[models.student]\n", '[models.student]\nsystem = "Answer."\n')
    assert reasons(folder, candidate="sorter", baseline="none")[0] == "version 'student' changed"


def test_versions_of_the_command_line_are_compared_with_what_they_were(folder: Path) -> None:
    assert reasons(folder, candidate="other") == (None, None)
    rewrite(folder, '"Unused."', '"Used."')
    assert reasons(folder, candidate="other")[0] == "version 'other' changed"
    assert reasons(folder, baseline="other")[0] == "version 'other' changed"
    assert reasons(folder, judge=("other",)) == (None, "version 'other' changed")
    assert reasons(folder, baseline="none") == (None, None)


def test_a_version_that_was_not_there_concerns_all(folder: Path) -> None:
    rewrite(folder, "[models.other]", "[models.fresh]")
    assert reasons(folder, candidate="fresh")[0] == "version 'fresh' was not there at HEAD"


def test_files_of_a_version_concern_all(folder: Path) -> None:
    write(folder, "weights/tuned/adapter.json", "other")
    assert reasons(folder) == (None, None)
    assert reasons(folder, candidate="tuned")[0] == "weights/tuned/adapter.json changed, of version 'tuned'"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("file", "version", "of"),
    [
        ("prompts/ask.md", "prompted", "prompted"),
        ("prompts/passages.jsonl", "desk", "desk"),
        ("weights/tuned/adapter.json", "student", "tuned"),
        ("web/a.jsonl", "student", "clean"),
    ],
)
def test_what_a_step_or_a_prompt_is_made_of_concerns_all(folder: Path, file: str, version: str, of: str) -> None:
    assert reasons(folder, candidate=version) == (None, None)
    write(folder, file, "other")
    assert reasons(folder, candidate=version)[0] == f"{file} changed, of version '{of}'"


def test_weights_that_git_does_not_know_concern_all(folder: Path) -> None:
    rewrite(folder, "weights/tuned", "weights/big")
    write(folder, "weights/big/model.safetensors")
    commit_all(folder)
    assert reasons(folder, candidate="tuned")[0] == "git does not know weights/big, of version 'tuned'"


def test_an_alias_of_a_registry_may_have_moved_and_a_version_of_it_may_not(folder: Path) -> None:
    rewrite(folder, "weights/tuned", "models:/tuned@champion")
    commit_all(folder)
    reason = reasons(folder, candidate="tuned")[0]
    assert reason == "what models:/tuned@champion was at HEAD can't be told: an alias moves"
    rewrite(folder, "models:/tuned@champion", "models:/tuned/3")
    commit_all(folder)
    assert reasons(folder, candidate="tuned") == (None, None)
    rewrite(folder, "file:prompts/ask.md", "prompts:/ask@champion")
    commit_all(folder)
    reason = reasons(folder, candidate="prompted")[0]
    assert reason == "what prompts:/ask@champion was at HEAD can't be told: an alias moves"


def test_a_baseline_that_is_a_file_is_compared_as_one_and_any_other_can_not_be_told(folder: Path) -> None:
    write(folder, "reports/baselines/main.json", "{}")
    commit_all(folder)
    assert reasons(folder, baseline="reports/baselines/main.json") == (None, None)
    write(folder, "reports/baselines/main.json", "{ }")
    reason = reasons(folder, baseline="reports/baselines/main.json")[0]
    assert reason == "reports/baselines/main.json changed, the baseline"
    assert reasons(folder, baseline="20261125-1")[0] == "what the baseline '20261125-1' was at HEAD can't be told"


@pytest.mark.parametrize(
    "name",
    [
        *("uv.lock", "sub/requirements.lock", "requirements.txt", "requirements-dev.txt", "requirements/base.txt"),
        *("poetry.lock", "Pipfile", "setup.py", "pytest.ini", "tox.ini", "environment.yml", "Dockerfile", "uv.toml"),
    ],
)
def test_what_says_which_packages_or_how_tests_run_concerns_all(folder: Path, name: str) -> None:
    write(folder, name)
    assert reasons(folder) == (f"{name} changed", f"{name} changed")


def test_a_pyproject_concerns_all_if_it_asks_for_other_packages(folder: Path) -> None:
    write(folder, "pyproject.toml", '[project]\nname = "p"\nversion = "1"\n')
    assert reasons(folder)[0] == "pyproject.toml changed beyond [tool.steelyard]: packages, or how tests run"
    commit_all(folder)
    write(folder, "pyproject.toml", '[project]\nname = "p"\nversion = "2"\n')
    assert reasons(folder) == (None, None)
    (folder / "pyproject.toml").unlink()
    assert reasons(folder)[0] is not None


def test_settings_that_can_not_be_compared_concern_all(folder: Path) -> None:
    write(folder, "steelyard.toml", "samples = ")
    commit_all(folder)
    write(folder, "steelyard.toml", SETTINGS)
    assert reasons(folder)[0] == "there were no settings at HEAD that can be compared with steelyard.toml"


def test_settings_that_moved_to_another_file_are_compared_with_those_that_held(folder: Path) -> None:
    write(folder, "pyproject.toml", "")
    commit_all(folder)
    (folder / "steelyard.toml").unlink()
    write(folder, "pyproject.toml", SETTINGS_OF_PROJECT)
    assert reasons(folder) == (None, None)
    write(folder, "pyproject.toml", SETTINGS_OF_PROJECT.replace('"Be brief."', '"Be briefer."'))
    assert reasons(folder)[0] == "version 'new' changed"


def test_settings_that_did_not_hold_are_not_compared(folder: Path) -> None:
    """A pyproject.toml beside a steelyard.toml is of no weight, until that is gone."""
    write(folder, "pyproject.toml", SETTINGS_OF_PROJECT.replace('"Be brief."', '"Be briefer."'))
    commit_all(folder)
    (folder / "steelyard.toml").unlink()
    assert reasons(folder)[0] == "version 'new' changed"


def test_a_version_whose_settings_could_not_be_then_is_told_and_others_are_compared(folder: Path) -> None:
    write(folder, "steelyard.toml", SETTINGS.replace("[models.new]\n", "[models.new]\nsistem = 'x'\n"))
    commit_all(folder)
    write(folder, "steelyard.toml", SETTINGS)
    assert reasons(folder)[0] == "version 'new' could not be read at HEAD"
    assert reasons(folder, candidate="tuned")[0] is None


def test_its_own_files_are_told_after_what_concerns_all(folder: Path) -> None:
    write(folder, "cases.jsonl", "other")
    assert reasons(folder) == ("cases.jsonl changed, its cases",) * 2
    rewrite(folder, '"Be brief."', '"Be briefer."')
    assert reasons(folder) == ("version 'new' changed",) * 2


def test_a_candidate_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="No version named 'gone'"):
        reasons(folder, candidate="gone")


def test_steelyard_itself_concerns_all_where_it_is_in_the_repository(folder: Path, monkeypatch: Any) -> None:
    import harness

    own = write(folder, "vendored/harness/__init__.py")
    commit_all(folder)
    monkeypatch.setattr(harness, "__file__", str(own))
    assert reasons(folder) == (None, None)
    write(folder, "vendored/harness/gate.py")
    assert reasons(folder)[0] == "vendored/harness/gate.py changed, of Steelyard itself"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("web/a.jsonl", "web/a.jsonl changed, of version 'clean'"),
        ("web/b.jsonl", "web/b.jsonl changed, of version 'clean'"),
        ("filters/own.py", "filters/own.py changed, a step of version 'clean'"),
        ("filters/words.py", "filters/words.py changed, which filters/own.py imports"),
        ("weights/tuned/adapter.json", "weights/tuned/adapter.json changed, of version 'tuned'"),
        ("filters/other.py", None),
    ],
)
def test_documents_and_steps_of_a_corpus_concern_all_that_weigh_it(folder: Path, file: str, reason: str | None) -> None:
    write(folder, file, "N = 4\n")
    assert reasons(folder, candidate="clean", baseline="none")[0] == reason


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('["filters.own:short"]', '["filters.own:short", "c4"]', "version 'clean' changed"),
        ('documents = "web"', 'documents = "web/a.jsonl"', "version 'clean' changed"),
        ('documents = "web"', 'documents = "web"\nexecutor = "ray"\ndescription = "pages"', None),
    ],
)
def test_a_recipe_that_changed_concerns_all_that_weigh_it(
    folder: Path, before: str, after: str, reason: str | None
) -> None:
    rewrite(folder, before, after)
    assert reasons(folder, candidate="clean", baseline="none")[0] == reason


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("train.jsonl", "train.jsonl changed, of version 'sorter'"),
        ("web/a.jsonl", "web/a.jsonl changed, of version 'clean'"),
        ("filters/words.py", "filters/words.py changed, which filters/own.py imports"),
        ("weights/tuned/adapter.json", "weights/tuned/adapter.json changed, of version 'tuned'"),
        ("filters/other.py", None),
    ],
)
def test_what_a_model_was_trained_on_concerns_all_that_weigh_it(folder: Path, file: str, reason: str | None) -> None:
    write(folder, file, "N = 4\n")
    assert reasons(folder, candidate="sorter", baseline="none")[0] == reason


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["bm25", "english"])
def test_a_version_that_is_called_as_a_value_of_a_step_is_no_part_of_it(folder: Path, name: str) -> None:
    own = f'[models.{name}]\nbase = "old"\nretrieval = {{ passages = "prompts/passages.jsonl" }}\n'
    write(folder, "steelyard.toml", SETTINGS + own)
    commit_all(folder)
    assert reasons(folder, candidate="desk") == (None, None)
    assert reasons(folder, candidate=name) == (None, None)
    rewrite(folder, own, own + 'system = "Be brief."\n')
    assert reasons(folder, candidate="desk") == (None, None)
    assert reasons(folder, candidate=name)[0] == f"version {name!r} changed"


def test_versions_that_are_made_of_each_other_are_told_once(folder: Path) -> None:
    rewrite(folder, 'tokenizer = "tuned"', 'tokenizer = "sorter"')
    commit_all(folder)
    write(folder, "weights/tuned/adapter.json", "y")
    assert reasons(folder, candidate="sorter")[0] == "weights/tuned/adapter.json changed, of version 'tuned'"
