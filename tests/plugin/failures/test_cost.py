"""What Steelyard costs: nothing without an evaluation, and bounded memory with many samples."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

ENGINES = {"torch", "vllm", "transformers", "deepeval", "openai", "lm_eval", "mlflow"}
HEAVY = ("numpy", "scipy", "sqlalchemy", "aiohttp", "greenlet", "rich", "click", "sqlite3", "torch", "vllm", "datasets")
LIST_MODULES = """
    import pathlib, sys

    def pytest_unconfigure():
        pathlib.Path("modules").write_text("\\n".join(sys.modules))
"""
WRITE_PEAK = """
    import pathlib, resource

    def pytest_unconfigure():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pathlib.Path("peak").write_text(str(peak * (1 if __import__("sys").platform == "darwin" else 1024)))
"""


def test_run_without_an_evaluation_imports_nothing_heavy(project: Project) -> None:
    project.write("conftest.py", LIST_MODULES)
    project.module("def test_plain(): ...\n")
    assert project.run_anew().ret == 0
    loaded = (project.path / "modules").read_text().splitlines()
    assert "harness.plugin" in loaded
    assert [name for name in loaded if name.split(".")[0] in HEAVY] == []
    parts = {name.split(".")[1] for name in loaded if name.startswith("harness.")}
    assert parts <= {"plugin", "errors", "records", "config", "entry_points", "stages"}


def test_collecting_evaluations_imports_no_engine(project: Project) -> None:
    project.write("conftest.py", LIST_MODULES)
    project.body("return 1")
    assert project.run_anew().ret == 0
    loaded = {name.split(".")[0] for name in (project.path / "modules").read_text().splitlines()}
    assert not loaded & {*ENGINES, "datasets", "pyarrow", "aiohttp", "statsmodels"}


@pytest.mark.nightly
def test_memory_grows_by_less_than_2_kb_a_sample(project: Project) -> None:
    project.write("conftest.py", WRITE_PEAK)
    project.versions["only"]["default"] = {"yes": 0.8, "no" * 100: 0.2}
    peaks = []
    for n_cases, offline in ((200, ()), (2000, ()), (2000, ("--offline",))):
        project.module(f"""
            CASES = [{{"id": f"c{{i}}", "prompt": f"question {{i}}"}} for i in range({n_cases})]

            @pytest.mark.evaluation(cases=CASES, samples=10, threshold=0.1)
            async def test_it(model, case):
                return await model.ask(case.prompt) == "yes"
        """)
        assert project.run_anew(*offline).ret == 0
        peaks.append(int((project.path / "peak").read_text()))
    assert max(peaks[1:]) - peaks[0] < 18_000 * 2048


def test_ten_thousand_bodies_are_not_alive_at_once(project: Project) -> None:
    project.settings["concurrency"] = 2
    project.module("""
        ALIVE, MOST = [0], [0]

        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(500)], samples=4)
        async def test_it(model, case):
            ALIVE[0] += 1
            MOST[0] = max(MOST[0], ALIVE[0])
            await model.ask(case.id)
            ALIVE[0] -= 1

        def test_most():
            assert MOST[0] == 64
    """)
    assert project.run().ret == 0
