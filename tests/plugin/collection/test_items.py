"""Test functions with a marker become items, or are refused."""

from __future__ import annotations

import pytest

from tests.plugin.marked import marked, refused
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


def test_cluster_makes_its_cases_one_unit(project: Project) -> None:
    rows = [{"id": f"c{i}", "prompt": f"q{i}", "page": i // 10} for i in range(40)]
    marked(project, f"cases={rows}, cluster='page', threshold=0.5")
    project.run()
    clustered = project.evaluation()["candidate"]
    marked(project, f"cases={rows}, threshold=0.5")
    project.run()
    assert clustered["low"] < project.evaluation()["candidate"]["low"]


def test_per_case_gives_each_case_an_item_and_a_verdict(project: Project) -> None:
    rows = [{"id": "peru", "prompt": "q"}, {"id": "chad", "prompt": "r"}]
    marked(project, f"cases={rows}, per='case', samples=60, threshold=0.5, design='fixed'", "return case.id == 'peru'")
    result = project.run("-v")
    result.stdout.fnmatch_lines(["*test_it[[]peru[]] PASSED*", "*test_it[[]chad[]] FAILED*"])
    assert project.verdicts() == {"test_it[peru]": "passed", "test_it[chad]": "failed"}


def test_marker_of_a_module_holds_for_its_functions_and_the_closest_wins(project: Project) -> None:
    project.module("""
        pytestmark = pytest.mark.evaluation(cases=[{"id": "a"}], samples=4)

        def test_module(model, case):
            assert model.ask("q")

        class TestIt:
            @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}], samples=3)
            def test_own(self, model, case):
                assert model.ask("q")
    """)
    assert project.run().ret == 0
    assert project.evaluation("test_module")["n_samples"] == 4
    assert project.evaluation("test_own")["n_samples"] == 6


@pytest.mark.parametrize("name", ["case", "model", "baseline"])
def test_fixture_that_asks_for_what_only_a_body_has_is_refused(project: Project, name: str) -> None:
    project.module(f"""
        @pytest.fixture
        def prepared({name}):
            return 1

        @pytest.fixture
        def outer(prepared):
            return 2

        @pytest.mark.evaluation(cases=[{{"id": "a"}}])
        def test_it(model, case, outer):
            assert model.ask("q")
    """)
    assert f"the fixture 'prepared' asks for '{name}'" in refused(project)


def test_method_of_a_unittest_class_is_refused(project: Project) -> None:
    project.module("""
        import unittest

        class TestOld(unittest.TestCase):
            @pytest.mark.evaluation(threshold=0.9)
            def test_it(self, model):
                assert model.ask("q")
    """)
    assert "test_it.py::TestOld::test_it is a method of a unittest.TestCase" in refused(project)


def test_per_case_without_case_is_refused(project: Project) -> None:
    project.module("@pytest.mark.evaluation(cases=[{'id': 'a'}], per='case')\ndef test_it(model): ...\n")
    assert "takes no argument `case`" in refused(project)


def test_baseline_argument_without_a_baseline_is_refused(project: Project) -> None:
    project.module("@pytest.mark.evaluation(cases=[{'id': 'a'}])\ndef test_it(model, baseline, case): ...\n")
    assert "say --baseline VERSION" in refused(project)


def test_all_that_is_wrong_is_said_at_once(project: Project) -> None:
    project.module("""
        @pytest.mark.evaluation(cases=[], samples=1)
        def test_first(model, case):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}], margin=-1)
        def test_second(model, case):
            assert model.ask("q")
    """)
    text = refused(project)
    assert "test_first" in text
    assert "test_second" in text


def test_nothing_is_sent_before_a_usage_error(project: Project, loopback) -> None:
    server = loopback()
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_first(model, case):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=0)
        def test_second(model, case):
            assert model.ask("q")
    """)
    refused(project)
    assert server.stats["requests"] == 0
