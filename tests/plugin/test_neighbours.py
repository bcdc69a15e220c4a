"""Beside plugins that keep something for each test, bound its time, choose among tests, or take something from them.

The plugins lie in a folder of the environment that no other test looks into (`make` fills it), and each is loaded
by its name alone: none changes how this project's own tests run.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.nightly

CASES = 'CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(30)]\n'
GATE = f"""
{CASES}
@pytest.fixture(scope="session")
def own():
    yield "yes"

@pytest.mark.parametrize("n", range(3))
@pytest.mark.evaluation(cases=CASES, threshold=0.5)
def test_gate(model, case, n, own):
    return model.ask(f"{{case.prompt}} {{n}}") == own

@pytest.mark.evaluation(cases=CASES, threshold=0.5)
async def test_async(model, case):
    return await model.ask(case.prompt) == "yes"

def test_plain(own): ...
"""
NEIGHBOURS = Path(sys.prefix) / "neighbours"
real = pytest.mark.skipif(not NEIGHBOURS.is_dir(), reason="needs the plugins that `make test` installs")
"""For tests with real plugins: one that is missing from the folder fails them."""
ONE_BY_ONE = "*evaluations are sampled one after the other*"


def pins() -> dict[str, str]:
    """What the neighbours' lock pins: the version of each package."""
    lines = (Path(__file__).parents[2] / ".ci" / "neighbours.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


@real
def test_neighbours_are_those_of_their_lock_and_load_nowhere_else() -> None:
    found = distributions(path=[str(NEIGHBOURS)])
    assert {each.metadata["Name"].lower().replace("_", "-"): each.version for each in found} == pins()
    assert str(NEIGHBOURS) not in sys.path


@pytest.fixture
def beside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a good and a bad version, in which no plugin is loaded that is not named."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in [each for each in os.environ if each.startswith("PYTEST_XDIST_")]:
        monkeypatch.delenv(name)  # it is no worker's session, wherever the tests run
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(NEIGHBOURS)])))
    project.ini = "[pytest]\n"
    project.settings["baseline"] = "none"
    project.versions = {name: {"engine": "scripted", "default": name} for name in ("yes", "no")}
    project.path.joinpath("test_it.py").write_text("import pytest\n" + GATE)
    return project


def run(project: Project, plugin: str, *options: str, candidate: str = "yes") -> pytest.RunResult:
    """Run the project with one plugin beside Steelyard."""
    return project.run_apart("-p", "steelyard", "-p", plugin, "--candidate", candidate, *options)


KEEPS = """
def pytest_runtest_protocol(item):
    item.kept = item.name
    yield
    del item.kept

def pytest_runtest_setup(item):
    assert item.kept == item.name

def pytest_runtest_makereport(item, call):
    assert item.kept == item.name
"""


def conftest(project: Project, text: str) -> None:
    """Write hooks; those that yield are around others."""
    hooks = text.replace(
        "def pytest_runtest_protocol", "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_protocol"
    )
    project.write("conftest.py", hooks)


@pytest.mark.parametrize(("candidate", "code"), [("yes", 0), ("no", 1)])
def test_plugin_that_keeps_something_for_the_test_at_hand_finds_it(beside: Project, candidate: str, code: int) -> None:
    conftest(beside, KEEPS)
    result = run(beside, "no:cacheprovider", candidate=candidate)
    assert result.ret == code
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert len(beside.verdicts()) == 4


PAIR = """
NOW = []

def pytest_runtest_setup(item):
    NOW.append(item.name)

def pytest_runtest_teardown(item):
    assert NOW.pop() == item.name
    assert not NOW
"""


def test_plugin_with_hooks_before_and_after_a_test_sees_one_test_at_a_time(beside: Project) -> None:
    conftest(beside, PAIR)
    result = run(beside, "no:cacheprovider")
    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 5}


def test_hook_of_a_setup_may_skip_an_evaluation_before_it_is_sampled(beside: Project) -> None:
    conftest(beside, "def pytest_runtest_setup(item):\n    if item.name == 'test_async': pytest.skip('later')\n")
    result = run(beside, "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 4, "skipped": 1}
    result.stdout.fnmatch_lines([f"{ONE_BY_ONE}: conftest.py"])
    assert beside.verdicts() == {f"test_gate[{n}]": "passed" for n in range(3)}


def test_hooks_around_a_setup_cost_nothing(beside: Project) -> None:
    conftest(beside, "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_setup(item):\n    return (yield)\n")
    result = run(beside, "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 5}
    result.stdout.no_fnmatch_line(ONE_BY_ONE)


def test_broken_setup_is_an_error_of_its_evaluation(beside: Project) -> None:
    conftest(beside, KEEPS)
    path = beside.path / "test_it.py"
    path.write_text(path.read_text().replace('yield "yes"', "raise OSError('no disk')"))
    result = run(beside, "no:cacheprovider")
    assert result.ret == 1
    assert beside.verdicts() == {**{f"test_gate[{n}]": "error" for n in range(3)}, "test_async": "passed"}


def test_x_tells_what_was_not_reached(beside: Project) -> None:
    conftest(beside, KEEPS)
    result = run(beside, "no:cacheprovider", "-x", candidate="no")
    assert result.ret == 1
    assert list(beside.verdicts()) == ["test_gate[0]"]
    assert beside.report()["n_unreached"] == 3


PLUGINS = {
    "pytest-retry": ("--retries", "2"),
    "pytest_jsonreport": ("-p", "metadata", "--json-report"),
    "allure_pytest": ("--alluredir", "allure"),
}
"""Options that switch each of them on, by the name that pytest loads it by."""


@real
@pytest.mark.parametrize(("candidate", "code"), [("yes", 0), ("no", 1)])
@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugin_with_state_of_each_test(beside: Project, plugin: str, candidate: str, code: int) -> None:
    result = run(beside, plugin, *PLUGINS[plugin], candidate=candidate)
    assert result.ret == code
    assert set(beside.verdicts().values()) == {"passed" if code == 0 else "failed"}
    result.stdout.no_fnmatch_line(ONE_BY_ONE)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


SLOW = f"""
import asyncio, time

{CASES}
@pytest.mark.parametrize("n", range(2))
@pytest.mark.evaluation(cases=CASES, threshold=0.9, design="fixed")
async def test_slow(model, case, n):
    answer = await model.ask(f"{{case.prompt}} {{n}}")
    if int(case.id[1:]) > 36:
        await asyncio.sleep(0.5)
    return answer == "yes"

@pytest.mark.evaluation(cases=CASES, threshold=0.5)
async def test_quick(model, case):
    return await model.ask(case.prompt) == "yes"

def test_plain(): ...

def test_hangs():
    time.sleep(3600)
"""


@real
def test_timeout_is_none_of_an_evaluation_and_ends_a_test_that_hangs(beside: Project) -> None:
    (beside.path / "test_it.py").write_text("import pytest\n" + SLOW)
    result = run(beside, "timeout", "--timeout", "1")
    assert result.parseoutcomes() == {"passed": 4, "failed": 1}
    result.stdout.fnmatch_lines(["*Timeout (>1.0s)*"])


@real
@pytest.mark.parametrize(
    ("plugin", "options"),
    [
        ("pytest-shard", ("--shard-id", "0", "--num-shards", "9")),
        ("pytest-split", ("--splits", "9", "--group", "9")),
    ],
    ids=["pytest-shard", "pytest-split"],
)
def test_shard_without_an_evaluation_says_so(beside: Project, plugin: str, options: tuple[str, ...]) -> None:
    result = run(beside, plugin, *options)
    assert result.ret == 5
    result.stdout.fnmatch_lines(["*steelyard: 4 evaluations, none ran: left out by the options*"])


@pytest.mark.parametrize(("chosen", "code"), [("plain", 0), ("nothing", 5)])
def test_with_xdist_it_is_said_too_that_none_ran(beside: Project, chosen: str, code: int) -> None:
    """What a shard leaves out, workers deselect as they do by -k."""
    pytest.importorskip("xdist")
    result = run(beside, "xdist.plugin", "-n", "2", "-k", chosen)
    assert result.ret == code
    result.stdout.fnmatch_lines(["*steelyard: 4 evaluations, none ran: left out by the options*"])


def test_evaluations_that_are_left_out_by_hand_are_told_and_end_as_the_rest_does(beside: Project) -> None:
    result = run(beside, "no:cacheprovider", "-k", "plain")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*steelyard: 4 evaluations, none ran: left out by the options*"])


def test_body_that_starts_an_event_loop_out_of_sight_says_what_to_write(project: Project) -> None:
    project.write(
        "agents.py",
        """
        import asyncio

        async def answer():
            return "yes"

        def run_sync():
            work = answer()
            try:
                return asyncio.get_event_loop().run_until_complete(work)
            finally:
                work.close()
        """,
    )
    project.body("import agents\nmodel.ask(case.prompt)\nask = agents.run_sync\nreturn ask() == 'yes'")
    assert project.run().ret == 1
    assert "write an `async def` body and await what it would run" in project.evaluation()["reason"]


AGENT = """
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

AGENT = Agent(TestModel(custom_output_text="yes"))

def answer(question):
    return AGENT.run_sync(question).output
"""


@real
def test_agent_of_pydantic_ai_runs_awaited_and_is_told_what_to_write_otherwise(beside: Project) -> None:
    beside.write("agents.py", AGENT)
    beside.module("""
        import agents

        @pytest.mark.evaluation(cases=[{"id": "a"}], threshold=0.5)
        def test_waits(model, case):
            return model.ask("q") == agents.answer("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}], threshold=0.5)
        async def test_awaits(model, case):
            return await model.ask("q") == (await agents.AGENT.run("q")).output
    """)
    assert run(beside, "no:cacheprovider").ret == 1
    assert "write an `async def` body and await what it would run" in beside.evaluation("test_waits")["reason"]
    assert beside.score("test_awaits") == 1.0


def test_what_runs_in_a_thread_may_have_a_loop_of_its_own(project: Project) -> None:
    project.module(
        """
        import asyncio

        async def answer():
            return "yes"

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_it(model, case):
            own = await asyncio.to_thread(lambda: asyncio.run(answer()))
            return await model.ask("q") == own
        """
    )
    assert project.run().ret == 0
    assert project.score() == 1.0
