"""None"""

import numpy as np
import pytest

from harness.errors import ReviewError, SettingsError
from harness.records.review import Form
from harness.review.batches.filling import add_run
from harness.review.batches.plans import ReviewPlan
from harness.statistics.labels import draws as drawn
from harness.statistics.labels.labelled import evidence
from harness.store import Store
from tests.review import runs
from tests.review.conftest import CATEGORIES, NOW, PAIR, SCALE
from tests.review.runs import EVALUATION

pytestmark = pytest.mark.service


def test_single_answers_come_with_what_was_asked_and_who_judged(store: Store) -> None:
    run = runs.add_run(store)
    added = add_run(store, run, ReviewPlan(EVALUATION, "score", SCALE, overlap=2), now=NOW)
    assert (added.n_cases, added.left_out) == (30, {})
    items = store.review.items(added.batch.id)
    assert [item.position for item in items] == list(range(added.n_items))
    assert all(0 < item.probability <= 1 for item in items)
    assert len({item.id for item in items}) == len({item.case_id for item in items}) == added.n_items > 15
    item = items[0]
    number = item.case_id.removeprefix("case-")
    assert item.messages == ({"role": "user", "content": f"Summarise passage {number}."},)
    (answer,) = item.answers
    assert (answer.version, answer.fingerprint, answer.sample_index) == ("small", "f0", 0)
    assert store.find([answer.sample_key or b""])[answer.sample_key or b""][0].text == answer.text
    assert (item.judge_score, item.wanted) == ((int(number) % 3) / 2, 2)
    assert added.batch.run_id == run.run_id


def test_each_draw_is_stored_as_the_decision_needs_it(store: Store) -> None:
    added = add_run(store, runs.add_run(store), ReviewPlan(EVALUATION, "score", SCALE))
    items = store.review.items(added.batch.id)
    stored = [dict(item.draw or {}) for item in items]
    assert {each.pop("version") for each in stored} == {0}
    draws = [drawn.Draw.restored(each) for each in stored]
    cases = sorted(f"case-{number}" for number in range(30))
    for item, draw in zip(items, draws, strict=True):
        assert draw.case is not None
        assert (cases[draw.case], draw.probability, draw.judged) == (
            item.case_id,
            item.probability,
            (item.judge_score,),
        )
    end = added.batch.source["end"]
    draws += [] if end is None else [drawn.Draw.restored(end)]
    assert sum(len(draw.passed) + (draw.case is not None) for draw in draws) == 30
    labels = [np.nan if draw.case is None else (draw.case % 3) / 2 for draw in draws]
    found = evidence(draws, np.array(labels), "rate")
    assert len(found.values) == 30


def test_what_the_run_requires_is_what_labels_are_to_decide(store: Store) -> None:
    run = runs.add_run(store)
    rate = add_run(store, run, ReviewPlan(EVALUATION, "score", SCALE)).batch.source["question"]
    assert (rate["of"], rate["demanded"], rate["margin"]) == ("rate", 0.7, 0.08)
    pair = add_run(store, run, ReviewPlan(EVALUATION, "score", PAIR)).batch.source["question"]
    assert (pair["of"], pair["margin"]) == ("rate", 0.05)
    plan = ReviewPlan(EVALUATION, "score", CATEGORIES, roles=("candidate", "baseline"))
    both = add_run(store, run, plan).batch.source["question"]
    assert (both["of"], both["demanded"], both["margin"], both["level"]) == (
        "difference",
        0.0,
        0.08,
        pytest.approx(0.05),
    )


def test_system_messages_are_shown_when_asked_for(store: Store) -> None:
    added = add_run(store, runs.add_run(store), ReviewPlan(EVALUATION, "score", SCALE, show_system=True))
    assert store.review.items(added.batch.id)[0].messages[0]["role"] == "system"


def test_no_more_is_drawn_than_asked_and_cases_in_doubt_more_often(store: Store) -> None:
    run = runs.add_run(store, n_cases=600)
    added = add_run(store, run, ReviewPlan(EVALUATION, "score", SCALE, draws=200))
    items = store.review.items(added.batch.id)
    assert added.n_items == 200
    doubtful = {item.probability for item in items if item.judge_score == 0.5}
    sure = {item.probability for item in items if item.judge_score != 0.5}
    assert min(doubtful) > max(sure)


@pytest.mark.nightly
@pytest.mark.parametrize("compares", [False, True])
@pytest.mark.parametrize("form", [SCALE, PAIR])
def test_cases_on_which_a_panel_differs_are_drawn_more_often_with_the_same_score(
    store: Store, form: Form, compares: bool
) -> None:
    run = runs.add_run(store, n_cases=1000, is_panel=True, compares=compares)
    added = add_run(store, run, ReviewPlan(EVALUATION, "score", form, draws=300))
    items = store.review.items(added.batch.id)
    differ = [int(item.case_id.removeprefix("case-")) % 2 == 1 for item in items]
    assert sum(differ) > 1.3 * (len(items) - sum(differ))
    for score in {item.judge_score for item in items}:
        of_score = [
            (is_odd, item.probability) for is_odd, item in zip(differ, items, strict=True) if item.judge_score == score
        ]
        chances = [np.mean([chance for is_odd, chance in of_score if is_odd == wanted]) for wanted in (False, True)]
        assert chances[1] > 1.5 * chances[0]


def test_the_same_seed_draws_the_same(store: Store) -> None:
    run = runs.add_run(store)
    chosen = []
    for seed in (7, 7, 8):
        added = add_run(store, run, ReviewPlan(EVALUATION, "score", SCALE, draws=10, seed=seed))
        chosen.append([item.case_id for item in store.review.items(added.batch.id)])
        with store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM steelyard_review_batches")
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def test_the_same_answers_are_not_added_twice(store: Store) -> None:
    run = runs.add_run(store)
    plan = ReviewPlan(EVALUATION, "score", SCALE)
    added = add_run(store, run, plan)
    with pytest.raises(ReviewError, match=f"already, as batch {added.batch.id}; `steelyard review status"):
        add_run(store, run, plan)
    add_run(store, run, ReviewPlan(EVALUATION, "score", PAIR))


def test_what_can_not_be_reviewed_is_told(store: Store) -> None:
    run = runs.add_run(store)
    store.prune(fingerprints=["f0"])
    with pytest.raises(SettingsError, match=r"nothing of .* can be reviewed: 30 without a stored answer"):
        add_run(store, run, ReviewPlan(EVALUATION, "score", SCALE))
    with pytest.raises(SettingsError, match="it has no scores"):
        add_run(store, run, ReviewPlan("other", "score", SCALE))


def test_items_are_kept_when_the_samples_are_pruned(store: Store) -> None:
    added = add_run(store, runs.add_run(store), ReviewPlan(EVALUATION, "score", SCALE))
    before = store.review.items(added.batch.id)
    store.prune(fingerprints=["f0", "f1"])
    assert store.review.items(added.batch.id) == before
