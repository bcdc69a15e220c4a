"""A run as a recorded baseline: what is recorded, what it is paired with, and how often gates against it are wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.decisions import decide, decided_after
from harness.errors import SettingsError
from harness.gate.baselines.chosen import recorded_path, recording_named
from harness.gate.baselines.files import read_recording, to_text, write_recording
from harness.gate.baselines.pairing import Pairing, order_against, pair
from harness.gate.baselines.recording import (
    RecordedCase,
    RecordedEvaluation,
    RecordedMetric,
    Recording,
    left_out,
    recording_of,
)
from harness.gate.baselines.refusals import check_recorded
from harness.gate.evaluations.contents import content_digest, question_digest
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.history.runs import find_candidate
from harness.gate.sampling.order import order_of
from harness.records import Case, Estimate, Request, ScoringRule, VerdictKind, VersionRef
from harness.scoring.results import Reading
from harness.store import Store
from tests.decisions.observations import binary, observed
from tests.error_rates import is_at_most
from tests.gate.stored import Scored, run

RUNS = 300


def cases(number: int = 6, **changed: str) -> tuple[Case, ...]:
    """Cases c0, c1, …, those that are named with another prompt."""
    return tuple(Case({"id": f"c{i}", "prompt": changed.get(f"c{i}", f"q{i}")}) for i in range(number))


def evaluation(of: tuple[Case, ...], wants: frozenset[str] = frozenset(), **marker: object) -> Evaluation:
    plan = read_plan({"samples": 2, "design": "sequential", **marker}, Settings(root=Path()), where="test")
    return Evaluation("test", plan, of, lambda: None, lambda error: "error", wants)


def recorded(of: tuple[Case, ...], **changes: Any) -> RecordedEvaluation:
    """The cases with two scores each, of which the first is right in every other case."""
    own = {
        case.id: RecordedCase(content_digest(case), None, {"score": (float(i % 2), 1.0)}) for i, case in enumerate(of)
    }
    metric = RecordedMetric(None, True, Estimate(0.75, 0.1, 0.6, 0.9, "a method"))
    fields: dict[str, Any] = {
        "design": "fixed", "n_planned": len(of), "n_drawn": len(of), "metrics": {"score": metric}, "cases": own,
    }  # fmt: skip
    return RecordedEvaluation(**{**fields, **changes})


def recording(**evaluations: RecordedEvaluation) -> Recording:
    return Recording(
        "released", VersionRef("small", "f0"), "r1", "2026-11-24T16:03:12Z", seed=0, evaluations=evaluations
    )


def paired(known: RecordedEvaluation, now: Evaluation, pattern: str = "*") -> Pairing:
    return pair(recording(test=known), now, order_of(now, 2, 0), pattern)


# -- digests -----------------------------------------------------------------------------------------------------------


def test_a_cases_digest_follows_its_fields_in_any_order_and_nothing_else() -> None:
    one = content_digest(Case({"id": "peru", "prompt": "q", "n": 1}))
    assert one == content_digest(Case({"n": 1, "prompt": "q", "id": "peru"}))
    assert one != content_digest(Case({"id": "peru", "prompt": "q", "n": 2}))
    assert len(one or "") == 16


def test_arrays_and_dates_have_a_digest_and_objects_without_a_form_have_none() -> None:
    assert content_digest(Case({"id": "a", "x": np.arange(3)})) == content_digest(Case({"id": "a", "x": [0, 1, 2]}))
    assert content_digest(Case({"id": "a", "x": object()})) is None
    assert content_digest(Case({"id": "a", "x": {1: 2, "b": 3}})) is None


def test_what_was_asked_leaves_the_system_text_out() -> None:
    user, system = {"role": "user", "content": "q"}, {"role": "system", "content": "Be brief."}
    assert question_digest(Request(messages=(system, user))) == question_digest(Request(messages=(user,)))
    assert question_digest(Request(messages=(user,))) != question_digest(Request(prompt="q"))
    assert question_digest(None) is None


# -- the file ----------------------------------------------------------------------------------------------------------


def whole() -> Recording:
    """A recording with everything that a file can hold."""
    mixed = RecordedEvaluation(
        design="sequential",
        n_planned=10,
        n_drawn=3,
        metrics={
            "f1": RecordedMetric(None, True, None, ("j1+j2/r1",)),
            "s": RecordedMetric("s", False, Estimate(1.5, math.inf, -math.inf, math.inf, "t")),
            "t": RecordedMetric("s", False, None, at_least=-1.0, at_most=1 / 3, statistic="p95"),
        },
        cases={
            "b \ud800": RecordedCase(None, None, {"f1": (1 / 3, 0.5), "s": (1e300, 2.0), "t": (-1.0, 1 / 3)}),
            "a": RecordedCase("00", "11", {"f1": (1.0, 0.0), "s": (0.0, 1.0), "t": (0.0, 0.0)}),
        },
        skipped=("z",),
    )
    return replace(recording(test=recorded(cases()), other=mixed), environment={"engine": "vllm"}, first_index=7)


def test_a_recording_reads_back_equal_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    assert write_recording(whole(), path) is True
    assert to_text(read_recording(path)) == to_text(whole()) == path.read_text()
    expected = {name: each for name, each in whole().evaluations.items() if name == "test"}
    assert read_recording(path).evaluations["test"] == expected["test"]


def test_a_case_is_one_line_and_right_and_wrong_are_digits() -> None:
    lines = to_text(whole()).splitlines()
    (line,) = (each for each in lines if '"c1"' in each)
    assert line.strip() == f'"c1": ["{content_digest(cases()[1])}", null, "11"],'
    assert [each.strip() for each in lines if '"a":' in each] == ['"a": ["00", "11", "10", "01", "00"],']


def test_one_case_that_moved_is_one_line_of_a_diff() -> None:
    one = to_text(recording(test=recorded(cases())))
    moved = recorded(cases())
    moved = replace(moved, cases={**moved.cases, "c2": RecordedCase("00", None, {"score": (0.0, 0.0)})})
    other = to_text(recording(test=moved))
    assert sum(ours != theirs for ours, theirs in zip(one.splitlines(), other.splitlines(), strict=True)) == 1


def test_another_recording_is_overwritten_by_force_alone(tmp_path: Path) -> None:
    path = tmp_path / "baselines" / "released.json"
    write_recording(whole(), path)
    assert write_recording(whole(), path) is False
    other = replace(whole(), run_id="r2")
    with pytest.raises(SettingsError, match="--force overwrites it"):
        write_recording(other, path)
    assert write_recording(other, path, force=True) is True
    assert [each.name for each in path.parent.iterdir()] == ["released.json"]


def _broken(document: dict[str, Any], name: str) -> None:
    evaluation = document["evaluations"]["test"]
    changes: Mapping[str, Any] = {
        "no number": lambda: evaluation["cases"].update(c1=["00", None, [0.5, "1"]]),
        "beyond 1": lambda: evaluation["cases"].update(c1=["00", None, [0.5, 2]]),
        "no digit": lambda: evaluation["cases"].update(c1=["00", None, "12"]),
        "too few": lambda: evaluation["cases"].update(c1=["00", None]),
        "design": lambda: evaluation.update(design="both"),
        "metrics": lambda: evaluation.update(metrics=[]),
        "version": lambda: document.update(version="small"),
        "seed": lambda: document.update(seed="0"),
        "flag": lambda: evaluation["metrics"]["score"].update(higher_is_better=1),
        "count": lambda: evaluation.update(n_planned=True),
        "missing": lambda: evaluation.pop("n_drawn"),
        "date": lambda: document.update(created="\x1b[2J"),
    }
    changes[name]()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no number", "'1' is no score"),
        ("beyond 1", r"test, case 'c1': score is a score in \[0, 1\], and one of \[0.5, 2\] is not"),
        ("no digit", "'2' is neither 0 nor 1"),
        ("too few", "needs two digests, and scores for each of score"),
        ("design", "neither fixed nor sequential"),
        ("metrics", r"\[\] is no dict"),
        ("version", "string indices"),
        ("seed", "'0' is no int"),
        ("flag", "1 is no bool"),
        ("count", "True is no int"),
        ("missing", "lacks the key 'n_drawn'"),
        ("date", r"created is '\\x1b\[2J', and no date"),
    ],
)
def test_what_can_not_be_understood_is_refused_with_its_place(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / "released.json"
    document = json.loads(to_text(whole()))
    _broken(document, name)
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match=f"released.json .*{reason}.* Record the run again"):
        read_recording(path)


def test_a_file_of_bytes_or_none_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "released.json").write_bytes(b"\xff\x00")
    with pytest.raises(SettingsError, match="is no recorded baseline"):
        read_recording(tmp_path / "released.json")
    with pytest.raises(SettingsError, match="can't be read"):
        read_recording(tmp_path)


def test_a_case_that_a_merge_left_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "released.json"
    lines = to_text(whole()).splitlines()
    number = next(at for at, line in enumerate(lines) if '"c1"' in line)
    path.write_text("\n".join([*lines[:number], lines[number], *lines[number:]]))
    with pytest.raises(SettingsError, match="the key 'c1' is there twice in one object"):
        read_recording(path)


# -- from a run --------------------------------------------------------------------------------------------------------


def test_a_runs_candidate_is_recorded_as_it_was_decided(store: Store) -> None:
    scores = {"a": [1.0, "failed"], "b": [0.5, 1.0], "c": ["skipped", "skipped"]}
    by = ScoringRule(("j1",), "r1")
    side = run(store, "r1", Scored("one", scores, {"a": [1.0], "b": [1.0], "c": [1.0]}, judged_by=by))
    found = recording_of(store, side.weighed, side.report)
    assert (found.name, found.version.name, found.run_id) == ("small", "small", "r1")
    one = found.evaluations["one"]
    assert {case: each.scores["score"] for case, each in one.cases.items()} == {"a": (1.0, 0.0), "b": (0.5, 1.0)}
    assert (one.skipped, one.n_drawn, one.stopped_early) == (("c",), 3, False)
    assert one.metrics["score"].judged_by == ("j1/r1",)
    assert one.metrics["score"].estimate == side.report.evaluations[0].candidate


def test_what_was_drawn_beyond_the_decision_is_not_recorded(store: Store) -> None:
    scores = {f"c{i:03}": [1.0] for i in range(120)}
    rule = {"threshold": 0.5, "margin": 0.2, "design": "sequential", "n_planned": 120}
    side = run(store, "r1", Scored("one", scores, rule=rule), names={"candidate": "small"})
    one = recording_of(store, side.weighed, side.report).evaluations["one"]
    assert list(one.cases) == [case.id for case in side.report.evaluations[0].cases]
    assert (one.stopped_early, one.n_drawn) == (True, len(one.cases))
    assert len(one.cases) < 60


def test_bodies_that_compare_with_their_own_baseline_are_left_out(store: Store) -> None:
    alone, both = Scored("alone", {"a": [1.0]}, {"a": [1.0]}), Scored("preferred", {"a": [0.5]}, None)
    side = run(store, "r1", alone, both)
    found = recording_of(store, side.weighed, side.report)
    assert list(found.evaluations) == ["alone"]
    assert left_out(side.report, found) == ("preferred",)
    only = run(store, "r2", both)
    with pytest.raises(SettingsError, match="no scores of small alone"):
        recording_of(store, only.weighed, only.report)


def test_a_run_with_errors_or_evaluations_that_were_not_reached_is_refused(store: Store) -> None:
    side = run(store, "r1", Scored("one", {"a": [1.0]}, rule={"errors": ("it broke",)}), names={"candidate": "small"})
    with pytest.raises(SettingsError, match=r"Run r1 ended in errors, .*: one \(it broke\)\. Mend that"):
        recording_of(store, side.weighed, side.report)
    side = run(store, "r2", Scored("one", {"a": [1.0]}), names={"candidate": "small"})
    with pytest.raises(SettingsError, match="stopped before 2 of its evaluations, as -x does"):
        recording_of(store, side.weighed, replace(side.report, n_unreached=2))


def test_a_version_stands_for_the_newest_run_that_has_it_as_its_candidate(store: Store) -> None:
    one = Scored("one", {"a": [1.0]}, {"a": [1.0]})
    run(store, "r1", one, names={"candidate": "small"})
    run(store, "r2", one, names={"candidate": "other", "baseline": "small"})
    run(store, "r3", one, names={"candidate": "small"}, finished=False)
    assert find_candidate(store.runs(), "small").run.run_id == "r1"
    with pytest.raises(SettingsError, match=r"Run r3 .* did not come to its end"):
        find_candidate(store.runs(), "latest")
    run(store, "r4", one, names={"candidate": "other", "baseline": "large"})
    with pytest.raises(SettingsError, match="'large' is stored as the baseline of run r4 alone"):
        find_candidate(store.runs(), "large")


# -- pairs -------------------------------------------------------------------------------------------------------------


def test_cases_that_are_new_changed_or_gone_are_not_paired() -> None:
    known = recorded(cases(5), skipped=("c5",))
    found = paired(known, evaluation((*cases(3, c1="another"), *cases(8)[5:7])))
    assert found.states == {"c0": "paired", "c1": "changed", "c2": "paired", "c5": "skipped", "c6": "new"}
    assert (found.n_gone, found.n_unverified, found.trouble) == (2, 0, None)
    np.testing.assert_array_equal(found.scores("score", ["c2", "c1", "c0"]), [[0, 1], [np.nan] * 2, [0, 1]])


def test_gone_are_those_of_the_pattern_alone() -> None:
    known = recorded(cases(12))
    assert paired(known, evaluation(cases(2)[1:]), pattern="c1*").n_gone == 2


def test_nothing_in_common_and_an_unknown_evaluation_are_troubles() -> None:
    found = paired(recorded(cases(3)), evaluation(cases(3, c0="x", c1="y", c2="z")))
    assert "none of its 3 cases can be paired with the baseline 'released' recorded 2026-11-24 (3 changed)" in str(
        found.trouble
    )
    now = evaluation(cases(3))
    assert "has no scores of this evaluation" in str(pair(recording(), now, order_of(now, 2, 0), "*").trouble)


def test_a_run_that_stopped_early_never_came_to_the_cases_behind_its_last() -> None:
    now = evaluation(cases(8))
    drawn = [now.cases[number] for number in order_of(now, 2, 0).cases]
    early = recorded(tuple(drawn[:2] + drawn[3:5]), design="sequential", n_planned=8, n_drawn=4)
    states = paired(early, now).states
    assert [states[case.id] for case in drawn] == ["paired"] * 2 + ["new"] + ["paired"] * 2 + ["undrawn"] * 3


def test_without_a_threshold_no_case_is_drawn_behind_the_last_pair() -> None:
    for marker, expected in (({}, 5), ({"threshold": 0.5}, 8), ({"design": "fixed"}, 8)):
        now = evaluation(cases(8), **marker)
        order = order_of(now, 2, 0)
        early = recorded(tuple(now.cases[number] for number in order_of(evaluation(cases(8)), 2, 0).cases[:5]))
        assert len(order_against(paired(early, now), order).cases) == expected


def test_other_numbers_of_samples_leave_gaps() -> None:
    known = recorded(cases(2))
    known = replace(known, cases={**known.cases, "c1": RecordedCase(None, None, {"score": (1.0, 0.0, 1.0)})})
    found = paired(known, evaluation(cases(2)))
    np.testing.assert_array_equal(found.scores("score", ["c0", "c1"]), [[0, 1, np.nan], [1, 0, 1]])
    assert found.n_unverified == 1


def judged(*by: str) -> RecordedEvaluation:
    known = recorded(cases(2))
    return replace(known, metrics={"score": replace(known.metrics["score"], judged_by=by)})


@pytest.mark.parametrize(
    ("known", "by", "reason"),
    [
        (judged("j1/r1", "j1/r2"), ScoringRule(("j1",), "r2"), None),
        (judged("j1/r1"), ScoringRule(("j2",), "r1"), "other judges' now than"),
        (judged("j1/r1"), ScoringRule(("j1",), "r2"), "by another rubric now than"),
        (judged(), ScoringRule(("j1",), "r1"), "a judge's now, and nobody's"),
        (judged(), None, None),
    ],
)
def test_scores_of_other_judges_or_rubrics_are_not_of_one_kind(
    known: RecordedEvaluation, by: ScoringRule | None, reason: str | None
) -> None:
    said = paired(known, evaluation(cases(2))).mismatch("score", Reading(1.0, judged_by=by))
    assert said is None if reason is None else reason in str(said)


def test_a_judge_under_test_is_another_one_by_design() -> None:
    now = evaluation(cases(2), frozenset({"case", "judge"}), weighs="judge")
    found = paired(judged("j1/r1"), now)
    assert found.mismatch("score", Reading(1.0, judged_by=ScoringRule(("j2",), "r1"))) is None
    assert found.other_judges(("j2",)) is None


# -- what is refused ---------------------------------------------------------------------------------------------------


def early(n_drawn: int = 2) -> RecordedEvaluation:
    return recorded(cases(n_drawn), design="sequential", n_planned=6, n_drawn=n_drawn)


def test_a_recording_that_stopped_early_goes_with_its_own_order_alone() -> None:
    check_recorded(recording(test=early()), [evaluation(cases())], seed=0)
    with pytest.raises(SettingsError, match=r"stopped after 2 of 6 in test, .* fixed design. Gate with --design seq"):
        check_recorded(recording(test=early()), [evaluation(cases(), design="fixed")], seed=0)
    with pytest.raises(SettingsError, match="in the order of seed = 0, and this run does in that of seed = 3"):
        check_recorded(recording(test=early()), [evaluation(cases())], seed=3)
    unknown = replace(recording(test=early()), seed=None)
    with pytest.raises(SettingsError, match="in an unknown order"):
        check_recorded(unknown, [evaluation(cases())], seed=0)
    check_recorded(recording(test=recorded(cases())), [evaluation(cases(), design="fixed")], seed=3)


def test_a_name_stands_for_a_version_then_a_file_then_a_run(tmp_path: Path, store: Store) -> None:
    settings = Settings(root=tmp_path, store=str(tmp_path / "store.db"))
    side = run(store, "r1", Scored("one", {"a": [1.0]}), names={"candidate": "small"})
    assert recording_named(replace(settings, baseline="r1")) == recording_of(store, side.weighed, side.report)
    write_recording(replace(whole(), run_id="of the file"), recorded_path(settings, "r1"))
    found = recording_named(replace(settings, baseline="r1"))
    assert found is not None
    assert (found.name, found.run_id) == ("r1", "of the file")
    versions = {"r1": VersionSettings(name="r1", engine="scripted")}
    assert recording_named(replace(settings, baseline="r1", versions=versions)) is None
    assert recording_named(replace(settings, baseline="none")) is None
    assert recording_named(settings) is None


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a\n", "latest", "none", "none.json"])
def test_names_that_can_not_be_a_files_or_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="recorded baseline"):
        recorded_path(Settings(root=Path()), name)


# -- error rates -------------------------------------------------------------------------------------------------------


def gates(how: str, design: str, drop: float) -> Iterator[VerdictKind]:
    """Gates against a recording of the same cases: drawn whole, or until a threshold was decided."""
    rng = np.random.default_rng([18, len(how), len(design)])
    n_cases = 150
    while True:
        rates = rng.beta(4.5, 0.5, n_cases)
        scores = binary(rng, rates, 4)
        if how == "stopped early":
            own = observed(scores, threshold=0.92, margin=0.05, design="sequential", n_planned=n_cases)
            scores[decided_after([own], 0.05, 0.05) or n_cases :] = np.nan
        candidate = binary(rng, rates * (1 - drop / 0.9), 4)
        (verdict,) = decide([observed(candidate, scores, design=design, n_planned=n_cases)], 0.95)
        yield verdict.verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "design"), [("whole", "fixed"), ("whole", "sequential"), ("stopped early", "sequential")]
)
def test_gates_against_a_recording_are_wrong_in_at_most_5_of_100(how: str, design: str) -> None:
    equal, lower, far_lower = (gates(how, design, drop) for drop in (0.0, 0.05, 0.3))
    assert is_at_most(0.05, lambda: next(equal).is_red, RUNS)
    assert is_at_most(0.05, lambda: next(lower) is VerdictKind.PASSED, RUNS)
    assert is_at_most(0.025, lambda: not next(far_lower).is_red, RUNS)
