"""Fixtures of the stages: what a body takes of a version beside its answers."""

from __future__ import annotations

import json
import sqlite3

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

REASON = 'table has no weights: give it weights and engine = "vllm" or "transformers"'
PAIR = ("--candidate", "small", "--baseline", "other")


@pytest.fixture
def gate(project: Project) -> Project:
    """A project with two versions that have weights, and one that has none."""
    write_tiny_llama(project.path / "tiny")
    small = {"engine": "transformers", "weights": "tiny"}
    project.versions = {
        "small": small,
        "other": {**small, "sampling": {"temperature": 0.5}},
        "table": {"engine": "scripted", "default": "yes"},
    }
    return project


def test_the_fixture_is_each_versions_own(gate: Project) -> None:
    gate.body("return weights.version == 'other'", arguments="weights, case")
    assert gate.run(*PAIR).ret == 1
    entry = gate.evaluation()
    assert entry["verdict"] == "regressed"
    assert (entry["candidate"]["value"], entry["baseline"]["value"]) == (0.0, 1.0)
    assert (entry["candidate"]["low"], entry["candidate"]["high"]) == (0.0, 0.0)


def test_nothing_is_left_to_chance_so_that_one_sample_of_a_case_decides(gate: Project) -> None:
    """Also where a gate or a recording draws more of what a model answers."""
    gate.body("return 1.0", arguments="weights", cases=3, threshold=1.0, margin=0.001)
    for options in ((), ("--samples", "7"), ("--for-baseline",)):
        gate.run("--candidate", "small", "--baseline", "none", *options)
        assert gate.verdicts() == {"test_it": "passed"}
        assert gate.evaluation()["n_samples"] == 3


@pytest.mark.parametrize("per", ["suite", "case"])
def test_a_single_case_decides_as_well(gate: Project, per: str) -> None:
    gate.body("return 0.75", arguments="weights, case", cases=1, threshold=0.7, margin=0.001, per=per)
    gate.run("--candidate", "small", "--baseline", "other")
    (entry,) = gate.report()["evaluations"]
    assert (entry["verdict"], entry["n_samples"], entry["candidate"]["low"]) == ("passed", 1, 0.75)


def test_the_marker_may_ask_for_more_samples(gate: Project) -> None:
    gate.body("return 1.0", arguments="weights", cases=3, samples=4, threshold=0.9)
    gate.run("--candidate", "small", "--baseline", "none")
    assert gate.evaluation()["n_samples"] == 12


def test_beside_a_model_samples_are_drawn_as_ever(gate: Project) -> None:
    gate.body("return weights.version == 'small'", arguments="weights, model", cases=3)
    gate.run("--candidate", "small", "--baseline", "none")
    assert gate.evaluation()["n_samples"] == 6


def test_async_bodies_get_it_as_well(gate: Project) -> None:
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}], threshold=0.9)
        async def test_it(weights, case):
            return weights.version == "small"
    """)
    assert gate.run("--candidate", "small", "--baseline", "none").ret == 0


def test_a_candidate_without_it_skips_the_evaluation_and_says_so(gate: Project) -> None:
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}], threshold=0.5)
        def test_weights(weights):
            return 1.0

        @pytest.mark.evaluation(cases=[{"id": "a", "prompt": "q"}])
        def test_answers(model, case):
            return model.ask(case.prompt) == "yes"
    """)
    result = gate.run("--candidate", "table", "--baseline", "none", "-rs")
    assert result.ret == 0
    result.assert_outcomes(passed=1, skipped=1)
    assert f"note 1 evaluation skipped: {REASON}" in " ".join(result.stdout.str().split())
    result.stdout.fnmatch_lines([f"SKIPPED [[]1[]] test_it.py:*: {REASON}"])
    assert gate.verdicts() == {"test_answers": "passed"}
    assert gate.report()["skipped"] == [{"id": "test_it.py::test_weights", "reason": REASON}]


LACKING = """
    from harness.errors import NotInLineageError

    @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}], threshold=0.5, samples=1)
    def test_lack(weights, case):
        if case.id in IDS:
            raise NotInLineageError(weights.version, "baseline", "--baseline NAME")
        return 1.0

    @pytest.mark.evaluation(cases=[{"id": "a"}], threshold=0.5)
    def test_rest(weights):
        return 1.0
"""


def test_bodies_that_find_out_only_then_skip_the_evaluation_as_well(gate: Project) -> None:
    gate.module(LACKING.replace("IDS", "'ab'"))
    assert gate.run("--candidate", "small", "--baseline", "none").ret == 0
    assert gate.verdicts() == {"test_rest": "passed"}
    reason = "small has no baseline: give it --baseline NAME"
    assert gate.report()["skipped"] == [{"id": "test_it.py::test_lack", "reason": reason}]


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2", "-p", "xdist"), marks=pytest.mark.service)])
def test_a_gate_that_skips_every_evaluation_is_no_green_one(gate: Project, workers: tuple[str, ...]) -> None:
    gate.body("return 1.0", arguments="weights")
    gate.write("test_plain.py", "def test_plain(): ...\n")
    result = gate.run_apart("--candidate", "table", "--baseline", "none", *workers)
    assert result.ret == 5
    assert gate.report()["exit_code"] == 5
    result.stdout.fnmatch_lines(["*steelyard: 1 evaluation, none ran: skipped"])


def test_an_evaluation_that_a_mark_skips_leaves_the_rest_as_it_is(gate: Project) -> None:
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_weights(weights):
            return 1.0

        @pytest.mark.skip(reason="not today")
        @pytest.mark.evaluation(cases=[{"id": "a", "prompt": "q"}])
        def test_answers(model, case):
            return model.ask(case.prompt) == "yes"
    """)
    assert gate.run("--candidate", "table", "--baseline", "none").ret == 0


def test_a_candidate_that_has_it_against_a_baseline_without_is_held_to_the_threshold(gate: Project) -> None:
    gate.body("return 0.5", arguments="weights", threshold=0.4)
    assert gate.run("--candidate", "small", "--baseline", "table").ret == 0
    entry = gate.evaluation()
    assert entry["verdict"] == "passed"
    assert entry["baseline"] is None
    assert "table has no weights: held to the threshold alone" in entry["reason"]


def test_without_a_threshold_there_is_nothing_to_hold_it_to(gate: Project) -> None:
    gate.body("return 0.5", arguments="weights")
    assert gate.run("--candidate", "small", "--baseline", "table").ret == 0
    assert gate.evaluation()["reason"] == "nothing required; table has no weights: nothing to compare it with"


def test_what_else_goes_wrong_is_the_evaluations_error(gate: Project) -> None:
    (gate.path / "tiny" / "tokenizer.json").write_text("{")
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(weights):
            return weights.tokenizer.encode("x") != []
    """)
    assert gate.run(*PAIR).ret == 1
    assert gate.verdicts() == {"test_it": "error"}


def test_it_is_made_once_for_each_version_and_shared(gate: Project) -> None:
    gate.module("""
        SEEN = set()

        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
        def test_one(weights):
            SEEN.add(id(weights))
            return 1.0

        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
        def test_two(weights):
            SEEN.add(id(weights))
            return 1.0

        def test_seen():
            assert len(SEEN) == 2
    """)
    assert gate.run(*PAIR).ret == 0


def test_a_recording_serves_as_the_baseline(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(gate.path)
    gate.body("return 0.9 if weights.version == 'other' else 0.6", arguments="weights, case")
    assert gate.run("--candidate", "other", "--baseline", "none", "--for-baseline").ret == 0
    assert CliRunner().invoke(main, ["baseline", "record", "--name", "released"]).exit_code == 0
    assert gate.run("--candidate", "small", "--baseline", "released").ret == 1
    entry = gate.evaluation()
    assert (entry["verdict"], entry["baseline"]["value"], entry["n_samples"]) == ("regressed", 0.9, 3)
    assert gate.run("--candidate", "other", "--baseline", "released").ret == 0


def test_stored_runs_are_weighed_as_exactly(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(gate.path)
    gate.body("return 0.9", arguments="weights, case", margin=0.01)
    for name in ("small", "other"):
        gate.run("--candidate", name, "--baseline", "none")
    result = CliRunner().invoke(main, ["compare", "small", "other", "--json"])
    assert json.loads(result.stdout)["evaluations"][0]["difference"]["low"] == 0.0


def test_a_fixture_of_the_projects_own_of_that_name_is_the_projects(gate: Project) -> None:
    gate.module("""
        @pytest.fixture
        def weights():
            return [0.25, 0.75]

        @pytest.mark.evaluation(cases=[{"id": "a", "prompt": "q"}], threshold=0.5, margin=0.4)
        def test_it(model, case, weights):
            model.ask(case.prompt)
            return sum(weights)
    """)
    gate.run("--candidate", "table", "--baseline", "none")
    assert gate.score() == 1.0


def test_outside_a_body_it_is_refused(gate: Project) -> None:
    gate.module("""
        @pytest.fixture
        def mine(weights):
            return weights

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(mine):
            return 1.0
    """)
    result = gate.run(*PAIR)
    assert result.ret == 4
    assert "the fixture 'mine' asks for 'weights'" in str(result.stderr)


@pytest.fixture
def library(project: Project) -> Project:
    """A version that finds passages, and the one that it is based on."""
    pytest.importorskip("bm25s")
    passages = [
        {"id": "hours", "text": "Open from nine to six."},
        {"id": "cards", "text": "A card costs twelve euros."},
    ]
    (project.path / "p.jsonl").write_text("".join(json.dumps(each) + "\n" for each in passages), "utf-8")
    project.versions = {
        "plain": {"engine": "scripted", "answers": {"When?": "I can't tell"}, "default": "Open from nine"},
        "rag": {"base": "plain", "retrieval": {"passages": "p.jsonl", "k": 1}},
    }
    return project


def test_the_base_is_asked_beside_the_version_that_was_customised(library: Project) -> None:
    code = 'return "nine" in model.ask("When?") and "tell" in base.ask("When?")'
    library.body(code, arguments="model, base, case", threshold=0.9)
    for against in ("none", "plain"):
        library.run("--candidate", "rag", "--baseline", against)
        entry = library.evaluation()
        assert entry["candidate"]["value"] == 1.0


def test_a_retriever_is_searched_and_the_version_without_skips(library: Project) -> None:
    code = """
    from harness import checks
    return checks.recall_at([find.id for find in retriever.search("a card")], {"cards"}, 1)
    """
    library.body(code, arguments="retriever, case", threshold=0.9, margin=0.1)
    library.run("--candidate", "rag", "--baseline", "none")
    assert library.verdicts() == {"test_it": "passed"}
    result = library.run("--candidate", "plain", "--baseline", "none")
    assert result.ret == 5
    result.stdout.fnmatch_lines(["*plain has no retriever: give it retrieval*"])


def test_a_version_without_an_adapter_skips_what_takes_one(library: Project) -> None:
    library.body("return adapter.rank > 0", arguments="adapter, case", threshold=0.9, margin=0.1)
    result = library.run("--candidate", "plain", "--baseline", "none")
    assert result.ret == 5
    result.stdout.fnmatch_lines(["*plain has no adapter: give it one: adapter*"])


def test_a_fixture_or_a_parameter_of_the_projects_own_goes_by_its_own_meaning(project: Project) -> None:
    project.module("""
        CASES = [{"id": "a", "q": "y"}, {"id": "b", "q": "w"}]

        @pytest.fixture
        def prompt():
            return "own"

        @pytest.mark.parametrize("prompt", ["p", "q"])
        @pytest.mark.evaluation(cases=CASES, threshold=0.1)
        async def test_parameter(model, case, prompt):
            assert prompt in ("p", "q")
            return await model.ask(prompt + case.q) == "yes"

        @pytest.mark.evaluation(cases=CASES, threshold=0.1)
        async def test_fixture(model, case, prompt):
            assert prompt == "own"
            return await model.ask(prompt + case.q) == "yes"
    """)
    project.run("--candidate", "only", "--baseline", "none").assert_outcomes(passed=3)


def repeating(gate: Project, cases: range) -> None:
    """A module whose prompts are asked again of an engine that answers each time alike."""
    gate.module(f"""
        CASES = [{{"id": f"c{{i}}", "prompt": f"q{{i}}"}} for i in {list(cases)}]

        @pytest.mark.evaluation(cases=CASES, samples=1, design="fixed", threshold=0.5, cluster=False)
        def test_it(repeats, case):
            return {{"alone_again": repeats.of(case.prompt)["alone_again"]}}
    """)


def test_repeats_without_cases_that_were_seen_are_asked_anew(gate: Project) -> None:
    """As samples are: else those that differed could be left out, and the others would pass."""
    alone = ("--candidate", "table", "--baseline", "none")
    repeating(gate, range(12))
    gate.run(*alone)
    asked = gate.report()["usage"]["model_calls"]
    assert asked == 12 * 3
    gate.run(*alone)
    assert gate.report()["usage"]["model_calls"] == 0
    repeating(gate, range(10))
    with_some_left_out = gate.run(*alone, "--offline")
    assert with_some_left_out.ret == 4
    assert "--offline draws nothing" in with_some_left_out.stderr.str()
    gate.run(*alone)
    assert "left out, so drawn anew" in gate.evaluation()["reason"]
    assert gate.report()["usage"]["model_calls"] == 10 * 3


def test_repeats_that_were_asked_anew_one_by_one_decide_nothing(gate: Project) -> None:
    """A look goes by what was found first of each prompt; what came since is made to differ here."""
    alone = ("--candidate", "table", "--baseline", "none")
    repeating(gate, range(12))
    gate.run(*alone)
    gate.run(*alone, "--fresh", "--case", "c1*")
    assert gate.report()["usage"]["model_calls"] == 3 * 3
    with sqlite3.connect(gate.store) as connection:
        newer = "(select key from steelyard_requests where generation > 0)"
        rows = connection.execute(f"select key from steelyard_samples where key in {newer}").fetchall()
        for number, (key,) in enumerate(rows):
            connection.execute("update steelyard_samples set text = ? where key = ?", (f"other {number}", key))
        assert len(rows) == 3 * 3
    assert gate.run(*alone).ret == 0
    assert (gate.score(), gate.evaluation()["look"]["number"]) == (1.0, 1)
