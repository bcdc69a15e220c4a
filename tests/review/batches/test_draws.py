from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.records.review import PREFERENCES, Batch, Form, LabelChoice
from harness.review import Queue
from harness.review.batches.draws import AHEAD, Mode, further_items, read_ledger, subject_of, to_the_end
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.draws import Draw, LabelQuestion
from harness.store import RunInfo, Store
from tests.review import runs

pytestmark = pytest.mark.service

FORM = Form("scale", "Faithful", choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(3, "right", 1.0)))
PAIR = Form("preference", "Better", choices=PREFERENCES)
RATE = LabelQuestion("rate", 0.7, 0.08)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> RunInfo:
    return runs.add_run(store, n_cases=200)


def plan(form: Form = FORM, **more) -> ReviewPlan:
    return ReviewPlan(runs.EVALUATION, "score", form, **more)


def filled(store: Store, run: RunInfo, of: ReviewPlan, mode: Mode = "uncertain"):
    subject = subject_of(store, run, of, mode)
    batch = Batch("b1", 0.0, of.evaluation_id, of.form, of.metric, run.run_id)
    store.review.add_batch(batch, [])
    n_versions = len(subject.items.scores)
    items = further_items(subject, read_ledger(store, batch, n_versions), [RATE], "b1")
    assert store.review.extend("b1", items)
    return subject, items, read_ledger(store, batch, n_versions)


def test_what_is_drawn_is_read_back_as_it_was(store: Store, run: RunInfo) -> None:
    subject, items, ledger = filled(store, run, plan())
    assert len(items) == AHEAD == ledger.n_open
    assert [item.case_id for item in items] == [subject.cases[draw.case] for draw in ledger.draws]
    assert [item.probability for item in items] == [draw.probability for draw in ledger.draws]
    assert np.isnan(ledger.labels).all()
    assert ledger.n_counting == 0
    assert further_items(subject, ledger, [RATE], "b1") == []


def test_items_come_with_what_was_asked_who_judged_and_their_draw(store: Store) -> None:
    batch = runs.add_batch(store, runs.add_run(store), FORM, wanted=2)
    items = store.review.items(batch.id)
    assert [item.position for item in items] == list(range(len(items)))
    assert len({item.id for item in items}) == len({item.case_id for item in items}) == len(items) > 15
    cases = sorted(f"case-{number}" for number in range(30))
    for item in items:
        number = item.case_id.removeprefix("case-")
        assert item.messages == ({"role": "user", "content": f"Summarise passage {number}."},)
        (answer,) = item.answers
        assert (answer.version, answer.fingerprint, answer.sample_index) == ("small", "f0", 0)
        assert store.find([answer.sample_key or b""])[answer.sample_key or b""][0].text == answer.text
        assert (item.judge_score, item.wanted) == ((int(number) % 3) / 2, 2)
        stored = dict(item.draw or {})
        assert stored.pop("version") == 0
        draw = Draw.restored(stored)
        assert draw.case is not None
        assert (cases[draw.case], draw.probability, draw.judged) == (
            item.case_id,
            item.probability,
            (item.judge_score,),
        )
    store.prune(fingerprints=["f0", "f1"])
    assert store.review.items(batch.id) == items, "they outlive their samples"


def test_two_versions_make_two_items_of_a_draw(store: Store, run: RunInfo) -> None:
    _, items, ledger = filled(store, run, plan(roles=("candidate", "baseline")))
    assert len(ledger.draws) == AHEAD / 2
    assert [item.case_id for item in items[::2]] == [item.case_id for item in items[1::2]]
    orders = {tuple(item.answers[0].version for item in items[at : at + 2]) for at in range(0, len(items), 2)}
    assert orders == {("small", "large"), ("large", "small")}


def test_labels_belong_to_their_version_in_whatever_order_the_items_come(store: Store, run: RunInfo) -> None:
    """Every answer of the baseline is called right, every one of the candidate wrong."""
    of = plan(roles=("candidate", "baseline"))
    _, items, _ = filled(store, run, of)
    values = {item.id: 1 if item.answers[0].version == "small" else 3 for item in items}
    queue = Queue(store)
    queue.add_reviewer("ann")
    for number in range(len(items)):
        view = queue.next("ann")
        assert view is not None
        queue.label("ann", view.lease_id, values[view.item.id], key=str(number))
    ledger = read_ledger(store, store.review.batch("b1"), 2)
    assert ledger.labels.tolist() == [[0.0, 1.0]] * (AHEAD // 2)


def test_pairs_of_equal_answers_are_ties_and_shown_to_nobody(store: Store, run: RunInfo) -> None:
    subject, items, ledger = filled(store, run, plan(PAIR))
    assert all(item.answers[0].text != item.answers[1].text for item in items)
    assert 0 < subject.items.same.sum() < len(subject.cases)
    assert {draw.passed[place] for draw in ledger.draws for place in draw.known_passed} == {(0.5,)}


def test_failures_are_drawn_more_often(store: Store, run: RunInfo) -> None:
    """Scores of the candidate go 0, 0.5, 1 from case to case: 0 and 1 leave as much in doubt."""

    def share(mode: Mode) -> float:
        subject = subject_of(store, run, plan(), mode)
        batch = Batch("b0", 0.0, runs.EVALUATION, FORM, run_id=run.run_id)
        empty = read_ledger(store, replace(batch, id="none"), 1)
        judged = [item.judge_score for item in further_items(subject, empty, [RATE], "b0")]
        return judged.count(0.0) / max(1, judged.count(0.0) + judged.count(1.0))

    assert share("failures") > share("uncertain")


def test_all_draws_every_case_for_certain(store: Store, run: RunInfo) -> None:
    subject, items, ledger = filled(store, run, plan(), "all")
    assert {item.probability for item in items} == {1.0}
    assert [draw.case for draw in ledger.draws] == subject.items.randomness.order[:AHEAD].tolist()


def test_the_cases_after_the_last_item_count_once_all_others_have_labels(store: Store) -> None:
    run = runs.add_run(store, n_cases=12)
    subject, _, ledger = filled(store, run, plan())
    assert to_the_end(subject, ledger, [RATE]) is ledger
    labelled = replace(ledger, labels=np.ones_like(ledger.labels))
    ended = to_the_end(subject, labelled, [RATE])
    seen = sum(len(draw.passed) + (draw.case is not None) for draw in ended.draws)
    assert seen == 12


def test_the_same_samples_have_the_same_key_and_others_another(store: Store, run: RunInfo) -> None:
    key = subject_of(store, run, plan(), "uncertain").key
    assert subject_of(store, run, plan(), "all").key == key
    other = runs.add_run(store, "20261125-161500-0a1b2c", n_cases=200)
    assert subject_of(store, other, plan(), "uncertain").key != key
    assert subject_of(store, run, plan(replace(FORM, rubric="d2")), "uncertain").key != key


def test_a_run_without_such_scores_is_refused(store: Store, run: RunInfo) -> None:
    with pytest.raises(SettingsError, match=r"nothing of .* can be reviewed: it has no scores"):
        subject_of(store, run, ReviewPlan(runs.EVALUATION, "other", FORM), "uncertain")
