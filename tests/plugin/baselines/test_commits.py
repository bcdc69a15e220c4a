"""`--baseline git:REF`: the candidate's version as it was at a commit, and what a gate says of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loopback import Loopback
from tests.plugin.projects import Project
from tests.repositories import commit_all, git

pytestmark = pytest.mark.service

BOT = """
from pathlib import Path

PROMPT = Path(__file__).with_name("prompt.txt")

async def answer(prompt: str) -> str:
    return PROMPT.read_text()
"""


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A committed project whose version answers from a file, and an evaluation that all answers pass."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path_factory.mktemp("cache")))
    project.versions = {"only": {"engine": "scripted", "answers": "answers.json"}}
    project.write(".gitignore", ".steelyard/\nreports/\n__pycache__/\n.pytest_cache/\n")
    project.body('return model.ask(case.prompt) == "yes"', cases=60, margin=0.1)
    answering(project, "yes")
    project.configure()
    commit_all(project.path, "all is well")
    return project


def answering(project: Project, text: str) -> None:
    project.write("answers.json", json.dumps({f"q{number}": text for number in range(60)}))


def told(result: pytest.RunResult) -> str:
    return " ".join(str(result.stdout).split())


def test_a_change_of_files_is_weighed_against_the_commit(shop: Project) -> None:
    answering(shop, "no")
    result = shop.run("--baseline", "git:main")
    assert result.ret == 1
    commit = git(shop.path, "rev-parse", "HEAD")
    assert f"candidate only against git:main ({commit[:12]})" in told(result)
    day = git(shop.path, "log", "-1", "--format=%cs")
    assert f"note git:main is only as it was at {commit[:12]} ({day} all is well)" in told(result)
    report = shop.report()
    assert (report["baseline"]["name"], report["baseline"]["commit"]) == ("git:main", commit)
    assert (report["candidate"]["commit"], shop.verdicts()) == (None, {"test_it": "regressed"})
    assert len(shop.notes()) == 1
    commit_all(shop.path)
    again = shop.run("--baseline", "git:HEAD~1")
    assert again.ret == 1
    assert shop.report()["usage"]["model_calls"] == 0  # the same versions, whatever they are called


def test_a_commit_like_the_candidate_is_said_to_be_the_same(shop: Project) -> None:
    result = shop.run("--baseline", "git:HEAD")
    assert result.ret == 0
    assert "git:HEAD is the same as only: nothing that its answers depend on is another at that commit" in told(result)
    assert shop.report()["usage"]["stored_samples"] == 0  # two independent sets of draws


def test_the_candidate_may_be_of_a_commit(shop: Project) -> None:
    answering(shop, "no")
    commit_all(shop.path)
    answering(shop, "neither")
    result = shop.run("--candidate", "git:HEAD", "--baseline", "git:HEAD~1")
    assert result.ret == 1
    assert "not as committed" not in told(result)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("git:mian", "*git:mian: no commit of this name is known here. Did you mean 'main'?*"),
        ("git:", "*no commit;*"),
    ],
)
def test_a_ref_that_is_none_is_a_usage_error(shop: Project, name: str, message: str) -> None:
    result = shop.run("--baseline", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_what_was_not_there_is_told_with_the_commit(shop: Project) -> None:
    (shop.path / "answers.json").rename(shop.path / "others.json")
    shop.versions = {"other": {"engine": "scripted", "answers": "others.json"}}
    result = shop.run("--baseline", "git:main")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*git:main, the project as it was at *: *others.json*What that commit lacks*"])


def test_a_function_is_called_as_it_was(shop: Project) -> None:
    """The module and the file that it reads are of the commit; the environment is this one."""
    shop.versions = {"only": {"engine": "python", "call": "bot_of_commit:answer"}}
    (shop.path / "bot_of_commit.py").write_text(BOT, encoding="utf-8")
    prompt = shop.write("prompt.txt", "yes")
    shop.configure()
    commit_all(shop.path)
    prompt.write_text("no")
    assert shop.run("--baseline", "git:main").ret == 1
    assert shop.verdicts() == {"test_it": "regressed"}
    prompt.write_text("yes")
    result = shop.run("--baseline", "git:main")
    assert result.ret == 0
    assert "git:main is the same as only" in told(result)


def test_a_gate_whose_candidate_was_not_asked_says_so_beside_its_verdict(shop: Project) -> None:
    first = shop.run()
    assert "not asked" not in told(first)
    assert shop.report()["from_store"] is None
    day = time.strftime("%Y-%m-%d", time.gmtime())
    result = shop.run()
    assert f"GREEN: 1 passed (model not asked: answers of {day})" in told(result)
    assert shop.report()["from_store"] == {"asked": "model", "oldest": day, "newest": day}
    folder = Path(shop.path / "reports" / "latest")
    for name in ("index.html", "report.md"):
        assert f"1 passed (model not asked: answers of {day})" in (folder / name).read_text(encoding="utf-8")


@pytest.fixture
def served(shop: Project, loopback: Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """A server at one address, whose revision is the commit: the project has two of them."""
    monkeypatch.delenv("GIT_SHA", raising=False)
    server = loopback(default="yes")
    shop.versions = {"only": {"engine": "openai", "base_url": server.base_url, "model": "m", "revision": "${GIT_SHA}"}}
    for message in ("first", "second"):
        shop.configure()
        shop.write("server.py", message)
        commit_all(shop.path, message)
    return server


@pytest.mark.parametrize(
    "options", [("--baseline", "git:HEAD~1"), ("--candidate", "git:HEAD~1"), ("--baseline", "git:HEAD~1", "--fresh")]
)
def test_an_endpoint_that_serves_another_revision_today_is_not_asked_for_one_at_a_commit(
    shop: Project, served: Loopback, options: tuple[str, ...]
) -> None:
    result = shop.run(*options)
    assert result.ret == 4
    first, second = (git(shop.path, "rev-parse", ref) for ref in ("HEAD~1", "HEAD"))
    said = " ".join(str(result.stderr).split())
    assert f"serves revision '{second}' today, not '{first}' of commit {first[:12]}" in said
    assert "run pytest --candidate only --for-baseline" in said
    assert (served.stats["requests"], shop.stored()) == (0, 0)


def test_answers_that_were_drawn_where_a_commit_was_served_are_weighed_against(shop: Project, served: Loopback) -> None:
    git(shop.path, "checkout", "-q", "HEAD~1")
    assert shop.run("--for-baseline").ret == 0
    git(shop.path, "checkout", "-q", "main")
    before = served.stats["choices"]
    result = shop.run("--baseline", "git:HEAD~1")
    assert result.ret == 0
    assert "GREEN: 1 passed" in told(result)
    assert "otherwise than today" not in told(result)
    assert served.stats["choices"] - before == shop.report()["usage"]["model_calls"] <= 120
    assert shop.report()["baseline"]["commit"] == git(shop.path, "rev-parse", "HEAD~1")


def test_where_answers_of_a_commit_are_stored_in_part_the_others_are_not_drawn_today(
    shop: Project, served: Loopback
) -> None:
    git(shop.path, "checkout", "-q", "HEAD~1")
    shop.run("--for-baseline", "--case", "c1?")
    git(shop.path, "checkout", "-q", "main")
    first, drawn = git(shop.path, "rev-parse", "HEAD~1"), shop.stored()
    assert shop.run("--baseline", "git:HEAD~1").ret == 1
    assert shop.verdicts() == {"test_it": "error"}
    assert f"not '{first}' of commit {first[:12]}" in shop.evaluation()["reason"]
    assert shop.stored() - drawn == shop.report()["usage"]["model_calls"] == served.stats["choices"] - drawn
    assert shop.run("--baseline", "git:HEAD~1", "--case", "c1?").ret != 4
    assert "error" not in shop.verdicts().values()


def test_an_address_of_its_own_is_asked_for_a_commit(
    shop: Project, served: Loopback, loopback: Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = loopback(default="yes")
    shop.versions["only"]["base_url"] = other.base_url
    shop.run("--baseline", "git:HEAD")
    assert served.stats["choices"] > 0
    assert other.stats["choices"] > 0
