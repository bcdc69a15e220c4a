"""Evaluations are pytest's own items."""

from __future__ import annotations

import pytest

from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

ABC = """
    CASES = [{"id": "a", "prompt": "qa"}, {"id": "b", "prompt": "qb"}]

    @pytest.mark.evaluation(cases=CASES)
    def test_a(model, case):
        assert model.ask(case.prompt)

    @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(30)], threshold=0.9)
    def test_b(model, case):
        model.ask("q")
        return False

    @pytest.mark.slow
    @pytest.mark.evaluation(cases=CASES)
    def test_c(model, case):
        assert model.ask(case.prompt + "!")
"""


@pytest.fixture
def abc(project: Project) -> Project:
    """Three evaluations, the second of which fails."""
    project.ini += "markers = slow\n"
    project.module(ABC)
    return project


def test_k_chooses_evaluations(abc: Project) -> None:
    abc.run("-k", "test_a or test_c")
    assert set(abc.verdicts()) == {"test_a", "test_c"}


def test_m_chooses_evaluations(abc: Project) -> None:
    abc.run("-m", "slow")
    assert set(abc.verdicts()) == {"test_c"}
    abc.run("-m", "evaluation and not slow")
    assert set(abc.verdicts()) == {"test_a", "test_b"}


def test_node_id_chooses_an_evaluation(abc: Project) -> None:
    abc.run("test_it.py::test_c")
    assert set(abc.verdicts()) == {"test_c"}


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_session_stops_at_the_first_failure(abc: Project, option: str) -> None:
    result = abc.run(option)
    assert result.ret == 1
    assert result.parseoutcomes()["failed"] == 1
    assert abc.report()["exit_code"] == 1
    assert abc.verdicts() == {"test_a": "passed", "test_b": "failed"}
    assert abc.report()["n_unreached"] == 1
    assert "pytest stopped before 1 more evaluation" in " ".join(str(result.stdout).split())


def test_lf_runs_the_failed_alone(abc: Project) -> None:
    abc.run()
    abc.run("--lf")
    assert set(abc.verdicts()) == {"test_b"}


def test_lf_runs_the_inconclusive_too(project: Project) -> None:
    project.body("return case.id != 'c0'", cases=6, threshold=0.9)
    assert project.run().ret == 8
    assert project.run("--lf").ret == 8
    assert set(project.verdicts()) == {"test_it"}


def test_collect_only_opens_nothing(abc: Project) -> None:
    result = abc.run("--collect-only", "-q")
    assert result.ret == 0
    assert "test_it.py::test_b" in str(result.stdout)
    assert not (abc.path / ".steelyard").exists()
    assert not (abc.path / "reports").exists()


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan", "--fixtures", "--fixtures-per-test"])
def test_what_only_lists_asks_no_model_and_leaves_report_and_store(abc: Project, option: str) -> None:
    abc.run()
    before = abc.report(), runs(abc)
    result = abc.run(option)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*no evaluation was run*")
    assert before == (abc.report(), runs(abc))


def runs(project: Project) -> list[str]:
    """The ids of the stored runs."""
    with Store.open(str(project.store), readonly=True) as store:
        return [run.run_id for run in store.runs()]


def test_parametrize_gives_an_item_and_a_verdict_for_each(project: Project) -> None:
    project.module("""
        @pytest.mark.parametrize("tone", ["kind", "rude"])
        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case, tone, n):
            model.ask("q")
            return {"kind": 0.5, "rude": 0.25}[tone] * n
    """)
    assert project.run().ret == 0
    assert {name: project.score(name) for name in project.verdicts()} == {
        "test_it[1-kind]": 0.5,
        "test_it[1-rude]": 0.25,
        "test_it[2-kind]": 1.0,
        "test_it[2-rude]": 0.5,
    }


def test_indirect_parametrization_and_usefixtures(project: Project) -> None:
    project.module("""
        @pytest.fixture
        def doubled(request):
            return request.param * 2

        @pytest.fixture
        def noted():
            with open("noted", "a") as log:
                log.write("x")

        @pytest.mark.usefixtures("noted")
        @pytest.mark.parametrize("doubled", [0.1, 0.2], indirect=True)
        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
        def test_it(model, case, doubled):
            model.ask("q")
            return doubled
    """)
    assert project.run().ret == 0
    assert (project.score("test_it[0.1]"), project.score("test_it[0.2]")) == (0.2, 0.4)
    assert (project.path / "noted").read_text() == "xx"


def test_methods_of_a_class_with_xunit_setup(project: Project) -> None:
    project.module("""
        LOG = []

        class TestIt:
            @classmethod
            def setup_class(cls): LOG.append("class")
            def setup_method(self):
                self.value = 0.5
                LOG.append("method")
            def teardown_method(self): LOG.append("end")

            @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
            def test_one(self, model, case):
                model.ask("q")
                return self.value

            @pytest.mark.evaluation(cases=[{"id": "a"}])
            async def test_two(self, model, case):
                await model.ask("q")
                return self.value

        def test_log():
            assert LOG == ["class", "method", "end", "method", "end"]
    """)
    assert project.run().ret == 0
    assert (project.score("test_one"), project.score("test_two")) == (0.5, 0.5)


def test_skip_mark_skips_the_item(project: Project) -> None:
    project.module("""
        @pytest.mark.skip(reason="later")
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_skipped(model, case):
            assert model.ask("q")

        @pytest.mark.skipif(True, reason="later")
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_skipped_too(model, case):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_run(model, case):
            assert model.ask("q")
    """)
    project.run().assert_outcomes(passed=1, skipped=2)
    assert project.verdicts() == {"test_run": "passed"}


def test_skip_in_a_fixture_skips_the_item(project: Project) -> None:
    project.module("""
        @pytest.fixture
        def gpu():
            pytest.skip("no GPU")

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_skipped(model, case, gpu):
            assert model.ask("q")
    """)
    result = project.run()
    result.assert_outcomes(skipped=1)
    assert result.ret == 0
    assert project.verdicts() == {}


def test_an_expected_failure_is_refused_since_it_would_hide_a_red_gate(project: Project) -> None:
    project.module("""
        @pytest.mark.xfail(reason="known")
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case):
            assert model.ask("q")
    """)
    result = project.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*is marked xfail, which would end a red gate with exit code 0*"])
    assert project.stored() == 0


def test_plain_tests_between_evaluations_run_in_their_place(project: Project) -> None:
    project.module("""
        def test_first(): ...

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_second(model, case):
            assert model.ask("q")

        def test_third(): ...

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_fourth(model, case):
            assert await model.ask("q")

        class TestPlain:
            def test_fifth(self): ...
    """)
    lines = [line.split("::")[-1].split()[0] for line in project.run("-v").outlines if "PASSED" in line]
    assert lines == ["test_first", "test_second", "test_third", "test_fourth", "test_fifth"]


def test_two_evaluations_with_the_same_cases(project: Project) -> None:
    project.write("cases.jsonl", '{"id": "a", "prompt": "q"}\n')
    project.module("""
        @pytest.mark.evaluation(cases="cases.jsonl")
        def test_one(model, case):
            return model.ask(case.prompt) == "yes"

        @pytest.mark.evaluation(cases="cases.jsonl")
        def test_two(model, case):
            return model.ask(case.prompt) == "no"
    """)
    project.run()
    assert (project.score("test_one"), project.score("test_two")) == (1.0, 0.0)
    assert project.stored() == 2


def test_conftest_and_modules_in_folders(project: Project) -> None:
    for stage, value in (("foundation", 0.25), ("inference", 0.75)):
        project.write(f"suites/{stage}/conftest.py", f"@pytest.fixture\ndef worth():\n    return {value}\n")
        project.write(
            f"suites/{stage}/test_{stage}.py",
            "@pytest.mark.evaluation(cases=[{'id': 'a'}])\n"
            "def test_it(model, case, worth):\n    model.ask('q')\n    return worth\n",
        )
    assert project.run("suites").ret == 0
    assert {entry["id"]: entry["candidate"]["value"] for entry in project.report()["evaluations"]} == {
        "suites/foundation/test_foundation.py::test_it": 0.25,
        "suites/inference/test_inference.py::test_it": 0.75,
    }


def test_sys_exit_in_a_body_is_an_error_of_the_body(project: Project) -> None:
    project.body("import sys\nsys.exit(3)")
    assert project.run().ret == 1
    assert "SystemExit: 3" in project.evaluation()["reason"]


def test_warning_of_a_body_is_an_error_where_warnings_are(project: Project) -> None:
    project.body("import warnings\nwarnings.warn('old')\nreturn 1")
    assert project.run().ret == 1
    assert "UserWarning: old" in project.evaluation()["reason"]


def test_item_reports_the_time_its_samples_took(project: Project) -> None:
    project.versions["only"]["latency_s"] = 0.2
    project.body("assert model.ask(case.prompt)")
    result = project.run("--durations=1", "-vv")
    (line,) = [line for line in result.outlines if " call " in line and "test_it" in line]
    assert float(line.split("s")[0]) >= 0.2
