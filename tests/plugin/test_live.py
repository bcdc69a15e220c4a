"""Evaluations that are set up side by side, and what happens where this pytest can't have that."""

from __future__ import annotations

import pytest

from harness.plugin import pytest_internals
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


def test_without_it_evaluations_run_one_after_the_other_with_a_warning(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest_internals, "missing_for_live_items", lambda session: "SetupState.stack")
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
