"""The private parts of pytest that live items lean on."""

from __future__ import annotations

import pytest

from harness.plugin import live
from tests.plugin.projects import Project


def test_this_pytest_has_all_that_live_items_need(request: pytest.FixtureRequest) -> None:
    assert live.unsupported(request.session) is None


def test_without_it_evaluations_run_one_after_the_other_with_a_warning(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "unsupported", lambda session: "SetupState.stack")
    project.ini = project.ini.replace("filterwarnings = error\n", "")
    project.module("""
        ALIVE = []

        @pytest.fixture
        def own():
            ALIVE.append(1)
            yield len(ALIVE)
            ALIVE.pop()

        @pytest.mark.parametrize("n", [1, 2, 3])
        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
        def test_it(model, case, own, n):
            return model.ask(case.id) == "yes" and own == 1
    """)
    result = project.run()
    assert result.ret == 0
    assert set(project.verdicts().values()) == {"passed"}
    assert all(project.score(f"test_it[{n}]") == 1.0 for n in (1, 2, 3))
    result.stdout.fnmatch_lines(["*this pytest has no SetupState.stack: evaluations run one after the other*"])
