"""What a test body's ending means."""

from __future__ import annotations

import re

import pytest

from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("assert model.ask(case.prompt) == 'no'", 0.0),
        ("pytest.fail('wrong')", 0.0),
        ("raise AssertionError", 0.0),
        ("assert model.ask(case.prompt) == 'yes'", 1.0),
        ("return None", 1.0),
        ("return True", 1.0),
        ("return False", 0.0),
        ("return 0.25", 0.25),
        ("return 1", 1.0),
        ("import numpy; return numpy.float32(0.5)", 0.5),
        ("import numpy; return numpy.bool_(True)", 1.0),
        ("return harness.Score(0.75, reason='three of four')", 0.75),
    ],
)
def test_result_of_a_body_is_its_score(project: Project, body: str, score: float) -> None:
    project.body(body)
    assert project.run().ret == 0
    assert project.score() == score
    assert project.evaluation()["reason"] == "nothing required"


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ("assert model.ask(case.prompt) == 'no', 'not so'", ("failed", 0.0, "not so", "assert 'yes' == 'no'")),
        ("assert model.ask(case.prompt) == 'no'", ("failed", 0.0, None, "assert 'yes' == 'no'")),
        ("pytest.fail('wrong')", ("failed", 0.0, "wrong", None)),
        ("pytest.skip('not today')", ("skipped", None, "not today", None)),
        ("return harness.Score(0.0, reason='none')", ("scored", 0.0, "none", None)),
        ("raise KeyError('x')", ("error", None, "'x'", None)),
    ],
)
def test_how_a_body_ended_is_stored_with_its_reason(project: Project, body: str, stored: tuple[object, ...]) -> None:
    project.body(body)
    project.run()
    with Store.open(str(project.store), readonly=True) as store:
        rows = [*store.scores(store.runs()[-1].run_id)]
    assert {(row.outcome, row.value, row.reason, row.assertion) for row in rows} == {stored}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("1.5", "returned 1.5, which is outside [0, 1]"),
        ("-0.1", "outside [0, 1]"),
        ("float('nan')", "nan, which is no score"),
        ("float('inf')", "inf, which is no score"),
        ("harness.Score(2)", "returned 2, which is outside [0, 1]"),
        ("harness.Measure(float('nan'), 's')", "nan, which is no score"),
        ("harness.Measure(1, '')", "has no unit"),
        ("'yes'", "the body returned 'yes'"),
        ("[1]", "the body returned [1]"),
        ("1j", "the body returned 1j"),
        ("{}", "empty dict"),
        ("{1: 1}", "a metric named 1"),
        ("{'f1': 7}", "f1: the body returned 7"),
    ],
)
def test_result_that_is_no_score_is_an_error(project: Project, result: str, words: str) -> None:
    project.body(f"return {result}")
    assert project.run().ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert words in entry["reason"]
    assert "case 'c" in entry["reason"]


def test_any_other_exception_is_an_error_and_no_score(project: Project) -> None:
    project.body("raise KeyError('missing')")
    result = project.run()
    assert result.ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert entry["candidate"] is None
    assert "KeyError: 'missing'" in entry["reason"]
    result.stdout.fnmatch_lines(["*KeyError*"])


def test_dict_is_several_metrics_each_with_a_verdict(project: Project) -> None:
    project.body("return {'right': True, 'brevity': 0.5}", cases=30, threshold=0.9)
    result = project.run()
    assert result.ret == 1
    assert "test_it brevity failed: below the threshold 0.90; 0.50" in str(result.stdout)
    assert project.evaluation(metric="right")["verdict"] == "passed"
    assert project.evaluation(metric="brevity")["verdict"] == "failed"
    assert project.evaluation(metric="brevity")["candidate"]["value"] == 0.5


def test_bodies_that_return_different_metrics_are_an_error(project: Project) -> None:
    project.body("return {'a': 1.0} if case.id == 'c0' else {'b': 1.0}")
    project.run()
    for metric in "ab":
        entry = project.evaluation(metric=metric)
        assert entry["verdict"] == "error"
        assert "return the same metrics each time" in entry["reason"]


def test_measure_has_threshold_and_margin_in_its_unit(project: Project) -> None:
    project.body(
        "return harness.Measure(2.0 + int(case.id[1:]) / 100, 's', higher_is_better=False)",
        cases=8,
        threshold=3.0,
        margin=0.5,
    )
    assert project.run().ret == 0
    entry = project.evaluation()
    assert (entry["verdict"], entry["unit"], entry["higher_is_better"]) == ("passed", "s", False)
    assert entry["candidate"]["value"] == pytest.approx(
        2.03
    )  # the median: a measure without a range has no mean that is bounded


def test_threshold_above_1_of_a_body_that_returns_scores_is_an_error(project: Project) -> None:
    project.body("return 1.0 if case.id else harness.Measure(1, 's', False)", threshold=30.0)
    assert project.run().ret == 1
    assert "threshold 30 is outside [0, 1]" in project.evaluation()["reason"]


def test_skipped_case_is_left_out_and_counted(project: Project) -> None:
    project.body("if case.id == 'c0': pytest.skip('no answer known')\nreturn 1.0", cases=4)
    assert project.run().ret == 0
    entry = project.evaluation()
    assert (entry["n_cases"], entry["n_skipped"]) == (3, 1)
    assert [case["id"] for case in entry["cases"]] == ["c1", "c2", "c3"]
    assert entry["reason"] == "nothing required"


def test_case_skipped_for_one_version_is_left_out_for_both(project: Project) -> None:
    project.versions = {"a": {"engine": "scripted", "default": "yes"}, "b": {"engine": "scripted", "default": "no"}}
    project.body("if model.ask(case.prompt) == 'no' and case.id == 'c0': pytest.skip()\nreturn 0.5", cases=5)
    project.run("--candidate", "a", "--baseline", "b")
    entry = project.evaluation()
    assert (entry["n_cases"], entry["n_skipped"], entry["n_samples"]) == (4, 1, 8)
    assert entry["reason"].endswith(
        "1 case left out though not every body skipped (candidate 0 of 2, baseline 2 of 2): "
        "skipping by what the model answered biases the result"
    )


def test_case_skipped_for_some_samples_is_told(project: Project) -> None:
    project.versions["only"]["default"] = {"yes": 0.5, "": 0.5}
    project.body("if not model.ask(case.prompt): pytest.skip('no answer')\nreturn 1.0", cases=30, threshold=0.5)
    assert project.run("--samples=4").ret in (0, 8)
    entry = project.evaluation()
    told = re.search(
        r"(\d+) cases left out though not every body skipped \(candidate (\d+) of (\d+)\)", entry["reason"]
    )
    assert told is not None
    n_cases, n_skips, n_bodies = map(int, told.groups())
    assert n_cases <= entry["n_skipped"]
    assert n_cases <= n_skips < n_bodies == n_cases * 4


def test_all_cases_skipped_is_inconclusive(project: Project) -> None:
    project.body("pytest.skip('not today')", threshold=0.5)
    assert project.run().ret == 8
    assert project.evaluation()["reason"] == "every case was skipped"


@pytest.mark.parametrize("kind", ["", "async "])
def test_def_and_async_def_bodies_see_the_same_answers(project: Project, kind: str) -> None:
    wait = "await " if kind else ""
    project.module(f"""
        CASES = [{{"id": "peru", "prompt": "Capital of Peru?", "expected": "Lima"}}]

        @pytest.mark.evaluation(cases=CASES)
        {kind}def test_it(model, case):
            answer = {wait}model.ask(case.prompt)
            assert type(answer) is str
            assert answer == "Lima"
            sample = {wait}model.chat([{{"role": "user", "content": case.prompt}}], temperature=0.5)
            assert (sample.text, sample.finish_reason) == ("Lima", "stop")
            assert {wait}model.structured("As JSON?", {{"type": "object"}}) == {{"city": "Lima"}}
            assert {wait}model.loglikelihood("Capital of Peru?", "Lima") == 0.0
            assert model.name == "only"
            assert model.steps == ()
    """)
    project.versions["only"] = {
        "engine": "scripted",
        "answers": {"Capital of Peru?": "Lima", "As JSON?": '{"city": "Lima"}'},
    }
    assert project.run().ret == 0
    assert project.score() == 1.0


def test_body_may_wait_for_several_answers_at_once(project: Project) -> None:
    project.module("""
        import asyncio

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_it(model, case):
            return (await asyncio.gather(*(model.ask(f"question {i}") for i in range(20)))) == ["yes"] * 20
    """)
    assert project.run().ret == 0
    assert project.score() == 1.0


def test_body_that_takes_the_baseline_weighs_both_itself(project: Project) -> None:
    project.versions = {"a": {"engine": "scripted", "default": "yes"}, "b": {"engine": "scripted", "default": "no"}}
    project.body(
        "assert (model.name, baseline.name) == ('a', 'b')\n"
        "assert (model.ask(case.prompt), baseline.ask(case.prompt)) == ('yes', 'no')\nreturn 1.0",
        cases=30,
        arguments="model, baseline, case",
        threshold=0.5,
        design="fixed",
    )
    assert project.run("--candidate", "a", "--baseline", "b").ret == 0
    assert project.evaluation()["baseline"] is None
    assert project.evaluation()["n_samples"] == 60


def test_assertion_diffs_are_off_in_bodies_and_on_in_plain_tests(project: Project) -> None:
    project.write(
        "conftest.py",
        """
        def pytest_assertrepr_compare(config, op, left, right):
            with open("explained.txt", "a") as log:
                log.write(f"{len(str(left))}\\n")
        """,
    )
    project.versions["only"]["default"] = "x" * 100_000
    project.module("""
        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(20)])
        def test_it(model, case):
            assert model.ask(case.id) == "y" * 100_000

        def test_plain():
            assert "ab" == "cd"
    """)
    assert project.run().ret == 1
    assert project.score() == 0.0
    assert (project.path / "explained.txt").read_text() == "2\n"


def test_what_a_body_prints_is_in_the_item_sections(project: Project) -> None:
    project.body("print('look at', case.id)\nreturn 0.0", threshold=0.9, design="fixed")
    result = project.run()
    result.stdout.fnmatch_lines(["*Captured stdout call*", "look at c0"])


def test_exit_in_a_body_ends_the_session(project: Project) -> None:
    project.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
        def test_it(model, case):
            model.ask("q")
            pytest.exit("enough", returncode=3)

        def test_after():
            open("after", "w")
    """)
    result = project.run_apart()
    assert result.ret == 3
    assert not (project.path / "after").exists()
    result.stdout.fnmatch_lines(["*enough*"])
    assert project.report()["exit_code"] == 3


def test_truncated_answers_are_counted(project: Project) -> None:
    project.versions["only"] |= {"default": "one two three four", "sampling": {"max_tokens": 2}}
    project.body("return model.ask(case.prompt) == 'one two'")
    project.run()
    assert project.evaluation()["n_truncated"] == 6
    assert project.score() == 1.0


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_engine_error_that_the_body_catches_is_an_error_all_the_same(project: Project, kind: str) -> None:
    wait = "await " if kind == "async def" else ""
    project.module(f"""
        @pytest.mark.evaluation(cases=[{{"id": f"c{{i}}"}} for i in range(30)], threshold=0.9)
        {kind} test_it(model, case):
            try:
                {wait}model.ask("q")
            except Exception:
                return 1.0
    """)
    result = project.run("--offline")
    assert result.ret == 1
    assert project.evaluation()["verdict"] == "error"


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("assert model.ask('q')", "model.ask"),
        ("assert model.chat('q').text == 'yes'", "model.chat"),
        ("assert 'yes' in model.ask('q')", "model.ask"),
        ("assert len(model.complete('q')) > 1", "model.complete"),
    ],
)
def test_a_forgotten_await_is_an_error_that_names_it(project: Project, line: str, method: str) -> None:
    project.module(f"""
        @pytest.mark.evaluation(cases=[{{"id": "a"}}], threshold=0.5)
        async def test_it(model, case):
            await model.ask("q")
            {line}
    """)
    result = project.run_apart()
    assert result.ret == 1
    said = project.evaluation()["errors"][0]
    assert f"`{method}(…)` was not awaited" in said
    assert f": write `await {method}(…)`" in said
    assert "never awaited" not in str(result.stdout) + str(result.stderr)


def test_a_def_body_that_asks_in_another_thread_is_told_so(project: Project) -> None:
    project.body("""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool:
            return "yes" in pool.submit(model.ask, "q").result()
    """)
    assert project.run().ret == 1
    assert "`model.ask(…)` was called in another thread or task than the body's" in project.evaluation()["errors"][0]


def test_one_body_that_cancels_itself_is_an_error_of_its_evaluation_alone(project: Project) -> None:
    project.module("""
        import asyncio

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_cancelled(model, case):
            await model.ask("q")
            raise asyncio.CancelledError

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_reason(model, case):
            model.ask("q")
            return harness.Score(1.0, reason={"why": 1})

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_good(model, case):
            model.ask("q")
            return 1.0
    """)
    result = project.run()
    assert result.ret == 1
    assert project.verdicts() == {"test_cancelled": "error", "test_reason": "error", "test_good": "passed"}


def test_body_that_cancels_the_run_fails_its_test_and_ends_nothing(project: Project) -> None:
    project.module("""
        import asyncio

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        async def test_it(model, case):
            await model.ask("q")
            for task in asyncio.all_tasks():
                task.cancel()

        def test_plain(): ...
    """)
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    assert project.verdicts() == {"test_it": "error"}


def test_reasoning_is_no_part_of_the_answer(project: Project) -> None:
    project.versions["only"] = {"engine": "scripted", "default": "<think>Is it Lima?</think>yes"}
    project.body("sample = model.chat(case.prompt)\nreturn (sample.text, sample.reasoning) == ('yes', 'Is it Lima?')")
    project.run()
    assert project.score() == 1.0


def test_measure_beyond_its_range_is_an_error_that_says_what_to_do(project: Project) -> None:
    project.body("return harness.Measure(31.5, 's', True, at_most=30.0)", threshold=3.0, margin=0.5)
    assert project.run().ret == 1
    reason = project.evaluation()["reason"]
    assert "the body measured 31.5 s, above at_most=30: cut it in the body" in reason


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"threshold": 40.0, "margin": 0.5}, "threshold 40 is outside [0, 30], and 'score' is in s from 0 to 30"),
        ({"threshold": 3.0, "margin": 30.0}, "margin 30 lets everything pass, and 'score' is in s from 0 to 30"),
    ],
)
def test_a_requirement_outside_the_range_is_an_error(project: Project, plan, words: str) -> None:
    project.body("return harness.Measure(2.0, 's', True, at_most=30.0)", **plan)
    assert project.run().ret == 1
    assert words in project.evaluation()["reason"]


def test_a_measure_with_a_range_is_drawn_until_it_is_decided(project: Project) -> None:
    body = "return harness.Measure(1.0 + int(case.id[1:]) / 1000, 's', higher_is_better=False, at_most=10.0)"
    project.body(body, cases=200, threshold=3.0, margin=1.0)
    assert project.run().ret == 0
    entry = project.evaluation()
    assert (entry["verdict"], entry["design"]) == ("passed", "sequential")
    assert entry["n_cases"] < 200


def test_a_measure_without_a_range_is_weighed_by_the_median_and_says_so(project: Project) -> None:
    body = "return harness.Measure(1.0 + int(case.id[1:]) / 1000, 's', higher_is_better=False)"
    project.body(body, cases=20, threshold=3.0, margin=1.0)
    assert project.run().ret == 0
    assert project.evaluation()["reason"] == "proven below 4.00 s, weighed by the median"
