"""The CI files follow the published schemas and GitHub's advice on safety."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.ci.steps import ACTION, ROOT, TEMPLATE, WORKFLOW, load

PAGE = ROOT / "docs" / "howto" / "share" / "ci.md"
WORKFLOWS = sorted(WORKFLOW.parent.glob("*.yml"))
OFFICIAL = {"checkout", "setup-python", "cache/restore", "cache/save", "upload-artifact", "download-artifact"}
OFFICIAL |= {"configure-pages", "upload-pages-artifact", "deploy-pages"}
# Of others than GitHub, pinned by their commit.
OTHERS = {"pypa/gh-action-pypi-publish"}


def steps(path: Path) -> list[dict[str, Any]]:
    document = load(path)
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job.get("steps", [])]


def shown() -> Iterator[tuple[str, str]]:
    """The YAML files that the page shows, with the names that they are to have."""
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        yield text.partition("\n")[0].removeprefix("# "), text


def assert_valid(document: dict[str, Any], name: str) -> None:
    """Hold a document against the schema of that name, as the public store of schemas has it."""
    pytest.importorskip("check_jsonschema", reason="brings the published schemas; in the group test")
    path = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(document)


@pytest.mark.parametrize(
    ("path", "name"),
    [(ACTION, "github-actions"), *((path, "github-workflows") for path in WORKFLOWS), (TEMPLATE, "gitlab-ci")],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_each_file_follows_its_published_schema(path: Path, name: str) -> None:
    assert_valid(load(path), name)


def test_the_files_that_the_page_shows_follow_them_too(tmp_path: Path) -> None:
    files = dict(shown())
    assert [*files] == [".github/workflows/gate.yml", ".gitlab-ci.yml"]
    for number, (name, text) in enumerate(files.items()):
        (tmp_path / f"{number}.yml").write_text(text)
        assert_valid(load(tmp_path / f"{number}.yml"), "gitlab-ci" if "gitlab" in name else "github-workflows")


def test_inputs_that_the_page_and_the_workflow_give_are_those_of_the_action(tmp_path: Path) -> None:
    known = load(ACTION)["inputs"]
    assert [name for name, each in known.items() if not each.get("description")] == []
    workflows = [text for name, text in shown() if name.startswith(".github/workflows/")]
    for number, text in enumerate(workflows):
        (tmp_path / f"{number}.yml").write_text(text)
    for path in (WORKFLOW, *sorted(tmp_path.iterdir())):
        used = [step for step in steps(path) if step.get("uses", "").partition("@")[0].endswith("actions/gate")]
        assert used
        assert [name for step in used for name in step.get("with", {}) if name not in known] == []


def test_variables_that_the_page_gives_are_those_of_the_template() -> None:
    known = set(load(TEMPLATE)[".steelyard"]["variables"])
    text = dict(shown())[".gitlab-ci.yml"]
    assert set(re.findall(r"STEELYARD_[A-Z]+", text)) <= known
    explained = re.findall(r"^    (STEELYARD_[A-Z]+): .* # \w", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(explained) == known


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_no_expression_stands_in_the_text_of_a_script(path: Path) -> None:
    """What a pull request wrote would be run: https://docs.github.com/actions, script injections."""
    scripts = [step["run"] for step in steps(path) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_actions_are_githubs_own_and_pinned_by_their_major_version_or_pinned_by_their_commit(path: Path) -> None:
    for step in steps(path):
        name = step.get("uses", "./")
        if name.partition("@")[0] in OTHERS:
            assert re.fullmatch(r"[0-9a-f]{40}", name.partition("@")[2]), name
        elif not name.startswith("./"):
            found = re.fullmatch(r"actions/([a-z/-]+)@v\d+", name)
            assert found is not None, name
            assert found[1] in OFFICIAL


def test_the_workflow_may_read_the_code_and_write_comments_and_nothing_else() -> None:
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [
        {"contents": "read", "pull-requests": "write"},
    ]
    assert set(workflow["on"]) == {"pull_request", "push", "workflow_dispatch"}
    (checkout,) = (step for step in steps(WORKFLOW) if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"] == {"persist-credentials": False}


def test_what_is_installed_is_pinned_to_a_commit() -> None:
    pinned = re.findall(r"(?:actions/gate@|steelyard\.git@|ref: )(\w+)", "\n".join(text for _, text in shown()))
    assert pinned == ["COMMIT"] * 3
    assert load(TEMPLATE)[".steelyard"]["variables"]["STEELYARD_INSTALL"] == ""


def test_an_inconclusive_gate_warns_on_gitlab_and_merge_requests_see_the_store_of_main() -> None:
    job = load(TEMPLATE)[".steelyard"]
    assert job["allow_failure"] == {"exit_codes": [8]}
    assert job["cache"]["unprotect"] is True


def test_every_output_comes_from_a_step_that_there_is() -> None:
    action = load(ACTION)
    named = {step["id"] for step in steps(ACTION) if "id" in step}
    asked = set(re.findall(r"steps\.([a-z]+)\.outputs", ACTION.read_text(encoding="utf-8")))
    assert asked <= named
    assert set(action["outputs"]) == {"exit-code", "report"}


def test_a_store_or_an_artifact_that_fails_does_not_change_what_the_gate_came_to() -> None:
    around = [step for step in steps(ACTION) if step.get("uses", "").startswith(("actions/cache", "actions/upload"))]
    assert [step["continue-on-error"] for step in around] == [True, True, True]


def test_the_store_is_saved_under_the_name_that_it_is_restored_by() -> None:
    of = {step["uses"].partition("@")[0]: step["with"] for step in steps(ACTION) if "uses" in step}
    restored, saved = of["actions/cache/restore"], of["actions/cache/save"]
    assert (restored["path"], restored["key"]) == (saved["path"], saved["key"])
    assert saved["key"].startswith(restored["restore-keys"])
