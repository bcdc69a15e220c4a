import numpy as np
import pytest

from harness.errors import ReviewError, SettingsError
from harness.records import ScoreRow
from harness.review.filling import Plan, add_run
from harness.store import Store
from tests.review import runs
from tests.review.conftest import NOW, PAIR, SCALE
from tests.review.runs import EVALUATION


def test_single_answers_come_with_what_was_asked_and_who_judged(store: Store) -> None:
    run = runs.add_run(store)
    added = add_run(store, run, Plan(EVALUATION, "score", SCALE, expected=30, overlap=2), now=NOW)
    assert (added.n_items, added.population, added.left_out) == (30, 30, {})
    items = store.review.items(added.batch.id)
    assert [item.position for item in items] == list(range(30))
    assert {item.probability for item in items} == {1.0}
    item = next(item for item in items if item.case_id == "case-1")
    assert item.messages == ({"role": "user", "content": "Summarise passage 1."},)
    (answer,) = item.answers
    assert (answer.text, answer.version, answer.fingerprint) == ("candidate says 1", "small", "f0")
    assert store.find([answer.sample_key or b""])[answer.sample_key or b""][0].text == answer.text
    assert (item.judge_score, item.wanted) == (0.5, 2)
    assert added.batch.run_id == run.run_id
    assert len({item.id for item in items}) == 30


def test_system_messages_are_shown_when_asked_for(store: Store) -> None:
    added = add_run(store, runs.add_run(store), Plan(EVALUATION, "score", SCALE, show_system=True))
    assert store.review.items(added.batch.id)[0].messages[0]["role"] == "system"


def test_answers_of_both_versions(store: Store) -> None:
    plan = Plan(EVALUATION, "score", SCALE, roles=("candidate", "baseline"), expected=60)
    added = add_run(store, runs.add_run(store), plan)
    versions = [item.answers[0].version for item in store.review.items(added.batch.id)]
    assert sorted(versions) == ["large"] * 30 + ["small"] * 30
    assert versions != sorted(versions)


def test_pairs_are_candidate_and_baseline_of_one_case_that_differ(store: Store) -> None:
    added = add_run(store, runs.add_run(store), Plan(EVALUATION, "score", PAIR))
    assert (added.n_items, added.left_out) == (27, {"equal": 3})
    for item in store.review.items(added.batch.id):
        assert [answer.version for answer in item.answers] == ["small", "large"]
        number = int(item.case_id.removeprefix("case-"))
        assert [answer.text for answer in item.answers] == [f"candidate says {number}", f"baseline says {number}"]
        assert item.judge_score == (0.5 if number % 3 == 2 else 0.0)


def test_doubtful_answers_are_drawn_more_often_with_the_probability_that_is_stored(store: Store) -> None:
    run = runs.add_run(store, n_cases=300)
    drawn = []
    for seed in range(20):
        added = add_run(store, run, Plan(EVALUATION, "score", SCALE, expected=60, seed=seed))
        drawn += store.review.items(added.batch.id)
        with store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM steelyard_review_batches")
    doubtful = [item for item in drawn if item.judge_score == 0.5]
    sure = [item for item in drawn if item.judge_score != 0.5]
    (often,), (seldom,) = {item.probability for item in doubtful}, {item.probability for item in sure}
    assert seldom == pytest.approx(60 * 0.1 / 300)
    assert often == pytest.approx((60 - 200 * seldom) / 100)
    assert len(doubtful) / (20 * 100) == pytest.approx(often, abs=4 * np.sqrt(0.25 / 2000))
    assert len(sure) / (20 * 200) == pytest.approx(seldom, abs=4 * np.sqrt(seldom / 4000))


def test_the_same_seed_draws_the_same(store: Store) -> None:
    run = runs.add_run(store)
    chosen = []
    for _ in range(2):
        added = add_run(store, run, Plan(EVALUATION, "score", SCALE, expected=10, seed=7))
        chosen.append([item.case_id for item in store.review.items(added.batch.id)])
        with store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM steelyard_review_batches")
    assert chosen[0] == chosen[1]


def test_the_same_answers_are_not_added_twice(store: Store) -> None:
    run = runs.add_run(store)
    plan = Plan(EVALUATION, "score", SCALE)
    added = add_run(store, run, plan)
    with pytest.raises(ReviewError, match=f"already, as batch {added.batch.id}; `steelyard review status"):
        add_run(store, run, plan)
    add_run(store, run, Plan(EVALUATION, "score", PAIR))


def test_what_can_not_be_reviewed_is_told(store: Store) -> None:
    run = runs.add_run(store)
    store.prune(fingerprints=["f0"])
    with pytest.raises(SettingsError, match=r"nothing of .* can be reviewed: 30 without a stored answer"):
        add_run(store, run, Plan(EVALUATION, "score", SCALE))
    with pytest.raises(SettingsError, match="it has no scores"):
        add_run(store, run, Plan("other", "score", SCALE))


def test_a_run_without_a_baseline_has_no_pairs(store: Store) -> None:
    store.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add_scores("r1", [ScoreRow(EVALUATION, "score", "candidate", "f0", "case-0", 0, 1.0)])
    store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    with pytest.raises(SettingsError, match=r"no scores of a baseline .* run the gate with --baseline"):
        add_run(store, store.runs()[0], Plan(EVALUATION, "score", PAIR))


def test_items_are_kept_when_the_samples_are_pruned(store: Store) -> None:
    added = add_run(store, runs.add_run(store), Plan(EVALUATION, "score", SCALE))
    before = store.review.items(added.batch.id)
    store.prune(fingerprints=["f0", "f1"])
    assert store.review.items(added.batch.id) == before
