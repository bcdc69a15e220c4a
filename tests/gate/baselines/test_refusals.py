"""A recording that stopped early is refused where its cases would not come in its order."""

from __future__ import annotations

import pytest

from harness.errors import SettingsError
from harness.gate.baselines.refusals import check_orders, check_recorded
from harness.gate.sampling.ledger import Entry, Family, enter_looks
from harness.gate.sampling.question import case_digests
from harness.store.ledger import Settle
from tests.decisions.observations import replace
from tests.gate.baselines.recordings import cases, early, evaluation, recorded, recording


def entries(order: str = "") -> dict[str, Entry]:
    """What the ledger says: the order of the run's own seed, or that of these cases of six."""
    looked = enter_looks(NoLooks(), Family("c", "b", ("test",), 0.95), "run", [evaluation(cases())])["test"]
    digests = case_digests(cases())
    question = replace(looked.question, cases=tuple(digests[int(number)] for number in order))
    return {"test": replace(looked, question=question if order else None)}


class NoLooks:
    """A store without looks."""

    def settle(self, candidate: str, settle: Settle) -> None:
        settle([])


def test_a_recording_that_stopped_early_can_not_be_weighed_by_a_fixed_design() -> None:
    check_recorded(recording(test=early()), [evaluation(cases())])
    with pytest.raises(SettingsError, match=r"stopped after 2 of 6 in test, .* fixed design. Gate with design='seq"):
        check_recorded(recording(test=early()), [evaluation(cases(), design="fixed")])
    check_recorded(recording(test=recorded(cases())), [evaluation(cases(), design="fixed")])
    relative = replace(evaluation(cases()).plan, margin_is_relative=True)
    with pytest.raises(SettingsError, match="a margin in per cent is decided by all cases at once"):
        check_recorded(recording(test=early()), [replace(evaluation(cases()), plan=relative)])


def test_a_recording_that_stopped_early_goes_with_the_order_alone_in_which_it_drew() -> None:
    known = recording(test=replace(early(3), drawn=("c2", "c0", "c1")))
    for order in ("201345", "250134"):
        check_orders(known, [evaluation(cases())], entries(order), seed=0)
    for order in ("012345", "210345"):
        with pytest.raises(SettingsError, match=r"in another order than this run\. Record a run that drew every"):
            check_orders(known, [evaluation(cases())], entries(order), seed=0)
    check_orders(recording(test=recorded(cases())), [evaluation(cases())], entries("012345"), seed=3)


def test_a_recording_that_does_not_say_its_order_has_that_of_its_seed() -> None:
    known = recording(test=early(6 - 1))
    check_orders(known, [evaluation(cases())], entries(), seed=0)
    with pytest.raises(
        SettingsError, match=r"in another order than this run\. Gate with its seed = 0, or record a run"
    ):
        check_orders(known, [evaluation(cases())], entries(), seed=3)
    with pytest.raises(SettingsError, match="in an unknown order"):
        check_orders(replace(known, seed=None), [evaluation(cases())], entries(), seed=0)


def test_a_recording_of_other_evaluations_is_refused_with_both() -> None:
    with pytest.raises(SettingsError, match="is of other evaluations: it has 'other', and this run has test"):
        check_recorded(recording(other=recorded(cases())), [evaluation(cases())])
