"""Beside other plugins of pytest."""

from __future__ import annotations

import gc

import pytest

from tests.plugin.projects import Project
from tests.plugin.workers import MIXED

pytestmark = pytest.mark.service


def test_reruns_never_run_an_evaluation_again(project: Project) -> None:
    pytest.importorskip("pytest_rerunfailures")
    project.ini = project.ini.replace(" -p no:rerunfailures", "")
    project.module("""
        COUNT = []

        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(30)], threshold=0.9, design="fixed",
           )
        def test_it(model, case):
            model.ask("q")
            COUNT.append(1)
            return 0.0

        def test_plain():
            assert len(COUNT) == 60
            COUNT.append("again")
            assert False
    """)
    result = project.run("--reruns", "2")
    counts = result.parseoutcomes()
    assert (counts["failed"], counts["rerun"]) == (2, 2)
    assert project.report()["evaluations"][0]["n_samples"] == 60
    assert len(project.report()["evaluations"]) == 1


def test_repeat_gives_each_repetition_a_verdict(project: Project) -> None:
    pytest.importorskip("pytest_repeat")
    project.body("return 0.5")
    project.run("--count", "2").assert_outcomes(passed=2)
    assert len(project.verdicts()) == 2


def test_auto_mode_of_asyncio_leaves_evaluations_alone(project: Project) -> None:
    pytest.importorskip("pytest_asyncio")
    project.ini += "asyncio_mode = auto\n"
    project.module("""
        import pytest_asyncio

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_it(model, case):
            return await model.ask("q") == "yes"

        async def test_coroutine():
            import asyncio
            await asyncio.sleep(0)

        @pytest.fixture
        async def made():
            yield 1

        async def test_fixture(made):
            assert made == 1
    """)
    project.run().assert_outcomes(passed=3)
    assert project.score() == 1.0


def test_anyio_mark_leaves_evaluations_alone(project: Project) -> None:
    pytest.importorskip("anyio")
    project.module("""
        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_it(model, case):
            return await model.ask("q") == "yes"

        async def test_plain(): ...
    """)
    project.run("-p", "no:asyncio", "-W", "ignore")
    assert project.score() == 1.0


def test_unittest_classes_run_beside_evaluations(project: Project) -> None:
    project.module("""
        import unittest

        class TestOld(unittest.TestCase):
            def test_plain(self):
                self.assertEqual(1, 1)

            @unittest.skip("later")
            def test_later(self): ...

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case):
            assert model.ask("q")
    """)
    project.run().assert_outcomes(passed=2, skipped=1)


def test_random_order_of_plugins_does_not_matter(project: Project) -> None:
    project.write(
        "conftest.py",
        """
        def pytest_collection_modifyitems(items):
            items.reverse()
        """,
    )
    project.module(MIXED)
    assert project.run().ret == 1
    assert project.verdicts()["test_red"] == "failed"


@pytest.mark.parametrize("ends", ["0", "5/0"])
def test_garbage_is_collected_as_before_once_the_session_is_over(project: Project, ends: str) -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    project.body(f"assert model.ask(case.prompt) and {ends} == 0", cases=5, threshold=0.5)
    project.run()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
