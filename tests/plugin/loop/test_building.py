"""What a session shows of what is built for it."""

from __future__ import annotations

import pytest

from harness.plugin.loop.driver import shown_builds
from harness.stages.build_state import BuildState, unseen
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


@pytest.fixture
def building(project: Project) -> Project:
    """A project whose conftest.py says that something is built."""
    project.write(
        "conftest.py",
        """
        import itertools

        from harness.plugin.loop.driver import shown_builds
        from harness.stages.build_state import BuildState

        def pytest_collection_finish(session):
            seconds = itertools.count()
            with shown_builds(session.config, lambda: float(next(seconds))) as progress:
                for done in range(7):
                    progress(BuildState("clean", "c4", 100 * done, 600))
        """,
    )
    project.body("return True", arguments="")
    return project


def test_a_line_says_what_was_built_and_how_long_it_took(building: Project) -> None:
    result = building.run()
    result.stdout.re_match_lines([r"steelyard: built clean in \d+(\.\d)? s"])


def test_a_terminal_shows_how_far_it_is_meanwhile(building: Project) -> None:
    result = building.run("--color=yes")
    assert "building clean: c4  500 of 600 documents (83%)" in result.stdout.str()


def test_a_quiet_session_shows_nothing(building: Project) -> None:
    assert "clean" not in building.run("-q").stdout.str()


def test_a_worker_shows_nothing(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytestconfig, "workerinput", {}, raising=False)
    with shown_builds(pytestconfig) as progress:
        assert progress is unseen
        progress(BuildState("clean", "c4"))


def test_the_name_of_a_file_and_its_results_stay_on_one_line(project: Project) -> None:
    """Below them is shown what goes on meanwhile."""
    project.write(
        "conftest.py",
        """
        import itertools

        from harness.plugin.loop.driver import _live_line
        from harness.reporting.terminal.progress import LiveLine

        def pytest_runtest_setup(item):
            seconds = itertools.count()
            with _live_line(item.config, LiveLine, lambda: float(next(seconds))) as line:
                line.write(["busy"])
        """,
    )
    project.write("test_plain.py", "def test_one(): pass\n\ndef test_two(): pass\n")
    shown = project.run("--color=yes", "test_plain.py").stdout.str()
    for column in (14, 15):  # after the file's name, and after the dot of the first test
        assert f"\x1b[A\x1b[{column}C\x1b[32m." in shown, "pytest goes on where its line ended"
    assert shown.count("test_plain.py") == 1
