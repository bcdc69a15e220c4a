"""The ledger: what is the same look, what is another one, and that no sequence of commands spends more than all."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decisions import decide, share_of
from harness.decisions.looks import ADDED_LATER
from harness.gate.evaluations.cases import built_digest
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.planning.simulation import Shape, observed
from harness.gate.runs.opening import looks_in_words
from harness.gate.sampling.ledger import PRUNED, Entry, Family, enter_looks
from harness.gate.sampling.question import Draws, unless_grown
from harness.records import Case, Other, Plan, Role, VerdictKind
from harness.store import Store
from harness.store.ledger import LookRow, Settle
from tests.decisions.observations import observed as scores
from tests.decisions.observations import replace
from tests.store.rows import draw

GENERATIONS = itertools.count(100)


def begin() -> dict[Role, Draws]:
    return {"candidate": (next(GENERATIONS),), "baseline": (next(GENERATIONS),)}


FAMILY = Family("c", "b", ("t",), 0.95, draws={"candidate": (0,), "baseline": (0,)}, begin=begin)
PLAN = Plan(samples=5, design="sequential")


class Memory:
    """Looks that are kept in memory."""

    def __init__(self) -> None:
        self.rows: list[LookRow] = []

    def settle(self, candidate: str, settle: Settle) -> None:
        added = settle([row for row in self.rows if row.candidate == candidate])
        keys = {(row.candidate, row.against, row.evaluation_id, row.number) for row in added}
        kept = [r for r in self.rows if (r.candidate, r.against, r.evaluation_id, r.number) not in keys]
        self.rows = [*kept, *added]

    def of_evaluations(self, names: Collection[str]) -> list[LookRow]:
        return [row for row in self.rows if row.evaluation_id in names]


def evaluation(n_cases: int = 40, name: str = "t", first: int = 0, **changes: object) -> Evaluation:
    cases = tuple(Case({"id": f"c{i}", "prompt": f"question {i}"}) for i in range(first, n_cases))
    return Evaluation(name, replace(PLAN, **changes), cases, lambda: None, lambda _: "error")  # type: ignore[arg-type]


def look(store: Memory, asked: Evaluation, family: Family = FAMILY) -> Entry:
    return enter_looks(store, family, "run", [asked])[asked.id]


def recorded(run: str = "run", draws: str = "0:0:7", **side: object) -> Family:
    """The family of a candidate against a recording."""
    other = Other("b", run, draws=(draws,), **side)  # type: ignore[arg-type]
    return replace(FAMILY, draws={"candidate": (0,)}, others={"t": {"baseline": other}})


def digests(*ids: str) -> frozenset[str]:
    """Those of cases."""
    return frozenset(built_digest(each) for each in evaluation(100).cases if each.id in ids)


@pytest.mark.parametrize(
    ("changes", "family"),
    [
        ({}, {}),
        ({"margin": 0.1}, {}),
        ({"max_samples": 100}, {}),
        ({}, {"seed": 7}),
        ({}, {"evaluations": ("t", "u", "v")}),
        ({}, {"draws": {"candidate": (0, 1), "baseline": (0,)}}),
    ],
    ids=["the same", "another margin", "another budget", "another seed", "a larger family", "draws of others"],
)
def test_what_changes_no_bet_is_the_same_look(changes, family):
    store = Memory()
    first = look(store, evaluation())
    again = look(store, evaluation(**changes), replace(FAMILY, **family))
    assert (first.is_new, again.is_new) == (True, False)
    assert again.look == first.look
    assert again.question == first.question


@pytest.mark.parametrize(
    ("changes", "family", "because"),
    [
        ({"samples": 10}, {}, "samples 5 → 10"),
        ({"about": "suite"}, {}, "about population, sequential → suite"),
        ({"design": "fixed"}, {}, "about population, sequential → population, fixed"),
        ({"threshold": 0.9}, {}, "threshold none → set"),
        ({"max_lost": 0}, {}, "max_lost none → 0"),
        ({"about": "population", "review_mode": "all"}, {}, "review none → all"),
        ({}, {"confidence_level": 0.9}, "confidence level 0.95 → 0.9"),
        ({}, {"best_of": 30}, "best of 1 → 30"),
        ({}, {"is_fresh": True, "draws": {"candidate": (1,), "baseline": (1,)}}, "drawn anew"),
    ],
)
def test_what_changes_the_bets_is_another_look_and_says_why(changes, family, because):
    store = Memory()
    look(store, evaluation())
    second = look(store, evaluation(**changes), replace(FAMILY, **family))
    assert (second.look.number, second.look.because) == (2, because)
    assert second.look.share * second.question.words["best of"] == pytest.approx(share_of(2))
    assert second.is_new


def test_another_metric_of_a_task_is_another_look():
    """Else acc, acc_norm and each filter would have a first look of their own at the same answers."""
    store = Memory()
    look(store, replace(evaluation(), metric="acc"))
    second = look(store, replace(evaluation(), metric="acc_norm"))
    assert (second.look.number, second.look.because) == (2, "metric acc → acc_norm")


def test_blocks_of_another_kind_of_machine_are_another_look(monkeypatch):
    """Of a pool of machines each would else measure anew at the level of the first look."""
    store, measured = Memory(), evaluation(5, in_blocks=True)

    def on(machine: str, asked: Evaluation = measured) -> Entry:
        monkeypatch.setattr("harness.gate.sampling.ledger.kind_of_machine", lambda: machine)
        return look(store, asked)

    assert on("a").look.number == 1
    second = on("b")
    assert (second.look.number, second.look.because) == (2, "kind of machine a → b")
    assert [on(machine).look.number for machine in "ab"] == [1, 2], "back on a machine, its look is gone on with"
    store.rows.clear()
    assert [on(machine, evaluation()).look.number for machine in "ab"] == [1, 1], "what measures none is of any"


def test_new_cases_go_behind_the_old_order():
    store = Memory()
    first = look(store, evaluation(40))
    more = look(store, evaluation(60))
    assert more.look == first.look
    order = more.order
    assert order[:40] == first.order
    assert sorted(order) == list(range(60))
    assert more.question.stakes.horizon == 40


def test_the_order_of_new_cases_is_settled_when_they_come():
    """Else another seed, or a third lot of cases, would shuffle what has been seen."""
    store = Memory()
    look(store, evaluation(40))
    order = look(store, evaluation(60)).order
    assert look(store, evaluation(60), replace(FAMILY, seed=9)).order == order
    assert look(store, evaluation(90), replace(FAMILY, seed=9)).order[:60] == order
    assert look(store, evaluation(90)).look.number == 1


def test_new_cases_and_samples_of_what_can_not_be_bet_on_are_another_question():
    """A quantile is tested once, with all that there is: each other number would be another test."""
    store = Memory()
    look(store, replace(evaluation(40), may_measure=True))
    assert look(store, replace(evaluation(60), may_measure=True)).look.because == "20 new cases"
    store, single = Memory(), replace(evaluation(1, per="case", max_samples=60), may_measure=True)
    look(store, single)
    more = replace(single, plan=replace(single.plan, max_samples=80))
    assert look(store, more).look.because == "most samples 60 → 80"


def test_what_turns_out_not_to_be_bet_on_is_undecided_once_it_has_grown():
    store = Memory()
    first, grown = (look(store, evaluation(n)).question for n in (40, 60))
    asked = {"design": "sequential", "n_planned": 60}
    seconds = scores(np.ones((60, 1)), unit="s", statistic="p50", **asked)
    assert unless_grown(first, seconds).undecided == ""
    assert "more cases than when it was first looked at" in unless_grown(grown, seconds).undecided
    assert unless_grown(grown, scores(np.ones((60, 1)), **asked)).undecided == ""
    single = look(Memory(), evaluation(1, per="case", max_samples=40)).question
    drawn = scores(np.ones((1, 60)), unit="s", per="case", **asked)
    assert "more samples" in unless_grown(single, drawn).undecided
    assert look(store, replace(evaluation(60), may_measure=True)).look.because == "20 new cases"


def test_other_prompts_of_a_task_are_another_look():
    store = Memory()
    look(store, replace(evaluation(), prompting="num_fewshot 0"))
    assert (
        look(store, replace(evaluation(), prompting="num_fewshot 5")).look.because
        == "prompts num_fewshot 0 → num_fewshot 5"
    )


def test_new_cases_of_a_suite_are_another_question():
    store = Memory()
    look(store, evaluation(40, about="suite"))
    assert look(store, evaluation(60, about="suite")).look.because == "20 new cases"
    assert look(store, evaluation(30, about="suite")).look.because == "30 cases changed or left out, so drawn anew"


def test_a_case_that_was_changed_is_another_one():
    store = Memory()
    look(store, evaluation())
    edited = evaluation()
    cases = (Case({"id": "c0", "prompt": "another question"}), *edited.cases[1:])
    assert look(store, replace(edited, cases=cases)).look.because == "1 case changed or left out, so drawn anew"


def test_going_back_to_the_bets_of_an_earlier_look_is_that_look():
    store = Memory()
    first = look(store, evaluation())
    look(store, evaluation(samples=10))
    assert look(store, evaluation()).look == first.look
    assert len([row for row in store.rows if row.number]) == 2


def test_a_look_keeps_the_draws_that_it_began_with():
    """Else whoever draws anew what went wrong, case by case, ends with a suite in which nothing does."""
    store = Memory()
    look(store, evaluation())
    fresh = replace(FAMILY, is_fresh=True, draws={"candidate": (1,), "baseline": (0,)})
    part = look(store, evaluation(40, first=35), fresh)
    assert part.draws("candidate") == (1,)
    now = replace(FAMILY, draws={"candidate": (0, 1), "baseline": (0,)})
    assert look(store, evaluation(), now).draws("candidate") == (0,)
    assert look(store, evaluation(samples=10), now).draws("candidate") == (0,)


def test_red_is_shared_by_the_family_that_was_collected_also_in_a_run_of_one():
    store = Memory()
    names = tuple(f"t{i}" for i in range(20))
    one = look(store, evaluation(name="t3"), replace(FAMILY, evaluations=names))
    assert one.look.red_share == pytest.approx(share_of(1) * share_of(1) / 20)
    alone = look(store, evaluation(name="t3"), replace(FAMILY, evaluations=("t3",)))
    assert alone.look == one.look


def test_evaluations_that_come_later_are_a_batch_of_their_own():
    store = Memory()
    look(store, evaluation(name="a"), replace(FAMILY, evaluations=("a", "b")))
    later = look(store, evaluation(name="c"), replace(FAMILY, evaluations=("a", "b", "c", "d")))
    assert (later.look.batch, later.look.weight) == (2, 0.5)
    assert later.look.red_share == pytest.approx(share_of(2) / 2 * share_of(1))


def test_another_candidate_begins_anew():
    store = Memory()
    look(store, evaluation())
    look(store, evaluation(samples=10))
    assert look(store, evaluation(), replace(FAMILY, candidate="mended")).look.number == 1


def test_looks_older_than_max_age_count_no_more():
    store = Memory()
    look(store, evaluation())
    store.rows = [replace(row, begun=row.begun - 1000) for row in store.rows]
    assert look(store, evaluation(samples=10), replace(FAMILY, max_age_s=500)).look.number == 1
    assert look(store, evaluation(samples=20), replace(FAMILY, max_age_s=5000)).look.number == 3


def test_a_look_by_another_rule_is_a_look():
    store = Memory()
    look(store, evaluation())
    store.rows = [replace(row, question=row.question.replace('gate":3', 'gate":1')) for row in store.rows]
    assert look(store, evaluation()).look.because == "rule of the gate 1 → 3"
    for damaged in ("{garbage", "[]", '{"cases": 5}'):
        store.rows = [replace(row, question=damaged) if row.number == 2 else row for row in store.rows[:3]]
        store.rows = [replace(row, question=damaged) if row.number else row for row in store.rows]
        entry = look(store, evaluation())
        assert (entry.look.number, entry.look.because) == (3, "another rule of the gate")


COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "samples": st.sampled_from([5, 10, 20]),
        "about": st.sampled_from(["suite", "population"]),
        "design": st.sampled_from(["sequential", "fixed"]),
        "margin": st.sampled_from([0.02, 0.05, 0.1]),
        "threshold": st.sampled_from([None, 0.8]),
    },
)
RUN = st.tuples(
    COMMANDS,
    st.sampled_from([20, 40, 50, 60]),
    st.booleans(),
    st.integers(0, 2),
    st.lists(st.sampled_from(list("abcdef")), min_size=1, max_size=6, unique=True),
)


@pytest.mark.service
@settings(max_examples=150)
@given(st.lists(RUN, max_size=12))
def test_no_sequence_of_commands_hands_out_more_than_all(runs):
    """Of passing to an evaluation, of red to the family; and the same bets are always the same look."""
    store, generation = Memory(), 0
    known: dict[tuple[str, object], object] = {}
    for changes, n_cases, is_fresh, seed, names in runs:
        generation += is_fresh
        draws = (generation,) if is_fresh else tuple(range(generation + 1))
        family = replace(
            FAMILY,
            evaluations=tuple(names),
            seed=seed,
            is_fresh=is_fresh,
            draws={"candidate": draws, "baseline": draws},
        )
        asked = [evaluation(n_cases, name, **changes) for name in names]
        entries = enter_looks(store, family, "run", asked)
        for name, entry in entries.items():
            assert entry.spent <= 1 + 1e-12
            assert known.setdefault((name, str(entry.question.draws), entry.look.number), entry.look) == entry.look
    looks: dict[str, list[LookRow]] = {}
    for row in store.rows:
        looks.setdefault(row.evaluation_id, []).append(row)
    for rows in looks.values():
        assert sorted(row.number for row in rows) == list(range(len(rows)))
        assert sum(row.share * max(1, row.number - 1) for row in rows if row.number) <= 1 + 1e-12
    batches: dict[tuple[int, int], set[str]] = {}
    for row in store.rows:
        batches.setdefault((row.batch, row.batch_size), set()).add(row.evaluation_id)
    assert all(len(members) == size for (_, size), members in batches.items())
    assert sum(share_of(batch) for batch, _ in batches) <= 1 + 1e-12


def test_the_seed_of_the_first_look_orders_later_ones():
    store = Memory()
    first = look(store, evaluation())
    second = look(store, evaluation(samples=10), replace(FAMILY, seed=99))
    assert second.question.cases == first.question.cases


def test_two_processes_at_once_never_get_the_same_level(tmp_path: Path):
    def enter(samples: int) -> Entry:
        with Store.open(str(tmp_path / "store.db")) as store:
            asked = evaluation(samples=samples)
            return enter_looks(store.looks, FAMILY, f"run{samples}", [asked])["t"]

    Store.open(str(tmp_path / "store.db")).close()
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(enter, range(1, 17)))
    assert sorted(entry.look.number for entry in entries) == list(range(1, 17))
    assert sum(entry.look.share for entry in entries) <= 1


def test_a_merged_store_never_hands_out_a_level_twice_and_says_what_was(tmp_path: Path):
    with Store.open(str(tmp_path / "a.db")) as ours, Store.open(str(tmp_path / "b.db")) as theirs:
        enter_looks(ours.looks, FAMILY, "ours", [evaluation()])
        enter_looks(theirs.looks, FAMILY, "theirs", [evaluation(samples=10)])
        assert ours.merge(theirs).overdrawn == 1
        assert ours.merge(theirs).overdrawn == 0
        entry = enter_looks(ours.looks, FAMILY, "next", [evaluation(samples=20)])["t"]
    assert entry.look.number == 3
    assert entry.spent > 1
    assert "two stores" in looks_in_words({"t": entry}, 0.05)[-1]


def test_what_an_evaluation_has_that_was_added_later_is_told():
    store = Memory()
    look(store, evaluation())
    family = replace(FAMILY, evaluations=("t", "u", "v"))
    asked = [evaluation(name=name) for name in ("t", "u", "v")]
    entries = enter_looks(store, family, "later", asked)
    assert (entries["u"].look.because, entries["t"].look.because) == (ADDED_LATER, "")
    assert looks_in_words(entries, 0.05) == [
        "2 evaluations: added after others were weighed for this candidate, red may be wrong 0.11 times in 100"
    ]
    again = enter_looks(store, family, "again", asked)
    assert again["u"].look.because == ADDED_LATER
    assert looks_in_words(again, 0.05) == []


def test_a_store_that_was_copied_and_merged_back_counts_each_look_once(tmp_path: Path):
    with Store.open(str(tmp_path / "a.db")) as ours, Store.open(str(tmp_path / "b.db")) as theirs:
        enter_looks(ours.looks, FAMILY, "ours", [evaluation()])
        theirs.merge(ours)
        enter_looks(theirs.looks, FAMILY, "theirs", [evaluation(samples=10)])
        assert ours.merge(theirs).overdrawn == 0
        assert [row.number for row in ours.looks.of_candidate("c")] == [0, 1, 2]


def test_a_look_of_which_samples_were_pruned_says_so(stored: Store):
    assert stored.prune(fingerprints=["j"]).looks == 1
    entry = look(stored.looks, judged(), JUDGED)
    assert (entry.look.number, entry.is_new, entry.look.because) == (1, False, PRUNED)


# ------------------------------------------------------------------------------------- what was seen, and cases chosen


def test_who_leaves_out_or_edits_cases_weighs_nothing_that_was_seen():
    """Of the 80 luckiest of 100 equal cases a look would be right by what was chosen."""
    store = Memory()
    look(store, evaluation(100))
    part = look(store, evaluation(100, first=20))
    assert part.look.because == "20 cases changed or left out, so drawn anew"
    assert part.draws("candidate") != (0,)
    assert part.draws("baseline") != (0,)
    again = look(store, evaluation(100, first=20))
    assert (again.is_new, again.question) == (False, part.question)


def test_what_was_drawn_anew_is_gone_on_with_while_no_case_of_it_goes():
    store = Memory()
    look(store, evaluation(100))
    part = look(store, evaluation(100, first=20))
    more = look(store, evaluation(100, first=20, samples=10))
    assert (more.look.because, more.question.draws) == ("samples 5 → 10", part.question.draws)
    less = look(store, evaluation(100, first=30, samples=10))
    assert less.question.draws not in (part.question.draws, FAMILY.draws)


def test_another_baseline_lends_no_look_at_chosen_cases():
    store = Memory()
    look(store, evaluation(100))
    other = replace(FAMILY, against="b2")
    entry = look(store, evaluation(100, first=20), other)
    assert (entry.look.number, entry.look.because) == (1, "seen before with other cases, so drawn anew")
    assert look(store, evaluation(100), replace(other, against="b3")).draws("candidate") == (0,)


def test_what_is_left_of_a_recording_decides_nothing():
    store = Memory()
    look(store, evaluation(100), recorded())
    part = look(store, evaluation(100, first=20), recorded())
    told = "(record it anew, from a run with --fresh)"
    assert part.undecided == f"what is left of a recording without 20 of its cases that were seen {told}"
    assert len([row for row in store.rows if row.number]) == 1
    anew = look(store, evaluation(100, first=20), recorded("another", "0:1:9"))
    assert (anew.undecided, anew.look.number) == ("", 2)
    assert anew.draws("candidate") != (0,)


@pytest.mark.parametrize("how", ["recorded again", "cases not recorded", "lines deleted"])
def test_the_rest_of_recorded_draws_decides_nothing_however_it_comes_about(stored: Store, how: str):
    """Who has seen the scores could else keep the cases that went well."""
    lost = digests(*(f"c{i}" for i in range(20)))
    look(stored.looks, evaluation(100), recorded())
    asked, family = {
        "recorded again": (evaluation(100, first=20), recorded("another")),
        "cases not recorded": (evaluation(100), recorded("another", unpaired=lost)),
        "lines deleted": (evaluation(100), recorded(unpaired=lost)),
    }[how]
    assert "without 20 of its cases that were seen" in look(stored.looks, asked, family).undecided


def test_draws_of_a_baseline_that_was_asked_are_known_once_they_are_recorded():
    memory = Memory()
    look(memory, evaluation(100), replace(FAMILY, draws={"candidate": (0,), "baseline@1000000": (0,)}))
    side = {"draws": "1000000:0:7", "asked": frozenset({"1000000:0"})}
    assert "without 20 of its cases" in look(memory, evaluation(100, first=20), recorded(**side)).undecided
    elsewhere = {**side, "asked": frozenset()}
    assert look(memory, evaluation(100, first=20), recorded(**elsewhere)).undecided == "", "of another store"


def test_a_recording_that_lacks_cases_takes_new_draws_of_the_candidate():
    memory = Memory()
    look(memory, evaluation(100), recorded())
    lost = digests(*(f"c{i}" for i in range(20)))
    entry = look(memory, evaluation(100), recorded("another", "0:1:9", unpaired=lost))
    assert (entry.undecided, entry.look.number) == ("", 2)
    assert entry.draws("candidate") != (0,)


def test_looks_that_are_too_old_to_count_lend_no_draws():
    store = Memory()
    look(store, evaluation())
    store.rows = [replace(row, begun=row.begun - 1000) for row in store.rows]
    now = replace(FAMILY, max_age_s=500, draws={"candidate": (1, 2), "baseline": (1,)})
    entry = look(store, evaluation(), now)
    assert entry.look.number == 1
    assert entry.draws("candidate") not in ((1, 2), (1,))


def test_draws_that_another_run_began_since_are_gone_on_with():
    store = Memory()
    look(store, evaluation())
    part = look(store, evaluation(first=20))
    assert look(store, evaluation(first=20), replace(FAMILY, draws={"candidate": (0,), "baseline": (0,)})) == replace(
        part, is_new=False
    )


JUDGED = replace(FAMILY, draws={"candidate": (0,), "baseline@1000000": (0,), "j": (0,)})


def judged(**changes: object) -> Evaluation:
    return replace(evaluation(**changes), wants=frozenset({"judge"}))  # type: ignore[arg-type]


def test_thresholds_alone_that_lost_cases_are_judged_anew():
    store, anew = Memory(), {"candidate": (1,), "j": (1,)}
    alone = replace(JUDGED, against="", draws={"candidate": (0,), "j": (0,)}, begin=lambda: anew)
    look(store, judged(threshold=0.9), alone)
    entry = look(store, judged(n_cases=35, threshold=0.9), alone)
    assert entry.question.draws == anew


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Store]:
    """A store with an answer of the candidate, the baseline and the judge, and a look at what was judged."""
    with Store.open(str(tmp_path / "store.db")) as store:
        store.add([draw("q", fingerprint="c"), draw("q", index=1_000_000, fingerprint="b"), draw("q", fingerprint="j")])
        look(store.looks, judged(), JUDGED)
        yield store


def begin_all() -> dict[str, Draws]:
    return {**begin(), "j": (next(GENERATIONS),)}


def test_a_candidate_too_old_leaves_the_baseline_and_judges_their_draws():
    """Else each night with `max_age = "1d"` would pay for them again."""
    store = Memory()
    look(store, judged(), JUDGED)
    for night in (1, 2):
        aged = replace(JUDGED, draws={**JUDGED.draws, "candidate": (10_000 * night,)}, begin=begin_all)
        entry = look(store, judged(), aged)
        assert (entry.look.number, entry.look.because) == (1 + night, "drawn anew")
        assert (entry.draws("baseline"), entry.draws("j")) == ((0,), (0,))
        assert entry.draws("candidate")[0] < 10_000, "what may have been seen is not taken"


DEMANDING = {"threshold": 0.8}


ALONE = replace(FAMILY, against="", draws={"candidate": (0,)})


def test_a_threshold_keeps_order_and_stakes_whatever_else_the_candidate_is_weighed_against():
    """Else each throwaway baseline would shuffle the samples that were seen anew."""
    store = Memory()
    look(store, evaluation(40, **DEMANDING), ALONE)
    first = look(store, evaluation(60, **DEMANDING), ALONE)
    other = look(store, evaluation(60, threshold=0.8, margin=0.2), replace(FAMILY, against="b2", seed=7))
    assert (other.look.number, other.question.cases, other.question.stakes) == (
        1,
        first.question.cases,
        first.question.stakes,
    )
    assert other.question.stakes.horizon == 40
    third = look(store, evaluation(60, **DEMANDING), replace(FAMILY, against="b3", seed=9))
    assert (third.look.number, third.question.cases) == (1, first.question.cases)


def test_a_threshold_is_one_question_whatever_the_candidate_is_weighed_against():
    """Else each throwaway baseline would give it a first look."""
    store = Memory()
    look(store, evaluation(40, **DEMANDING))
    other = look(store, evaluation(40, samples=10, **DEMANDING), replace(FAMILY, against="b2"))
    assert (other.look.number, other.look.because) == (2, "its threshold was looked at before")
    alone = look(store, evaluation(40, **DEMANDING), ALONE)
    assert alone.look.number == 1
    assert look(store, evaluation(40), replace(FAMILY, against="b3")).look.number == 1, "it has none"


def test_the_largest_cluster_is_settled_with_the_first_look():
    """A case that is added to it would else rescale the bets on all that was seen."""

    def clustered(*documents: int) -> Evaluation:
        cases = tuple(Case({"id": f"c{i}", "document": each}) for i, each in enumerate(documents))
        return replace(evaluation(cluster="document"), cases=cases)

    store = Memory()
    assert look(store, clustered(1, 1, 2)).question.largest_cluster == 2
    more = look(store, clustered(1, 1, 2, 1, 1))
    assert (more.is_new, more.question.largest_cluster) == (False, 2)


def test_a_case_with_a_field_without_json_form_is_known_by_the_rest():
    def pointing(prompt: str, file: object) -> Evaluation:
        return replace(evaluation(), cases=(Case({"id": "a", "prompt": prompt, "file": file}),))

    store = Memory()
    look(store, pointing("q", Path("a")))
    assert look(store, pointing("q", Path("b"))).look.number == 1
    assert look(store, pointing("another q", Path("a"))).look.number == 2


def test_who_keeps_the_lucky_cases_passes_no_more_often_than_promised():
    """Of 100 equal cases that miss the threshold by the margin, those that went well would pass nearly always."""
    rng, passed = np.random.default_rng(0), 0
    asked = evaluation(100, threshold=0.85, about="suite", design="fixed", samples=2)
    for _ in range(40):
        store, drawn = Memory(), {}

        def scores(entry: Entry, cases: Sequence[int], drawn: dict[Draws, np.ndarray] = drawn) -> np.ndarray:
            generation = entry.draws("candidate")
            return drawn.setdefault(generation, rng.binomial(1, 0.8, (100, 2)).astype(float))[list(cases)]

        seen = scores(look(store, asked, ALONE), range(100)).mean(axis=1)
        kept = sorted(np.argsort(seen, kind="stable")[20:].tolist())
        part = replace(asked, cases=tuple(asked.cases[i] for i in kept))
        entry = look(store, part, ALONE)
        shape = Shape("t", 80, 2, threshold=0.85, margin=0.05, design="fixed", about="suite")
        verdict = decide([observed(shape, scores(entry, kept), None)], 0.95, looks={"t": entry.look})[0]
        passed += verdict.verdict is VerdictKind.PASSED
    assert passed <= 2
