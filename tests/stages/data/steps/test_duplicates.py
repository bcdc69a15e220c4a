"""What the steps that seek duplicates share, shown by `exact`."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import SettingsError
from harness.stages.data.steps.exact import EXACT, text_normalisation
from harness.stages.data.steps.step import step_options

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["case"], "names 'case', which is none of: lowercase, "),
        ([1], "normalisation = 1 is "),
    ],
)
def test_a_wrong_normalisation_is_refused(value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        step_options(EXACT, {"normalisation": value}, where="clean.exact")


def test_the_order_of_normalisations_is_no_part_of_the_identity() -> None:
    one, other = (
        step_options(EXACT, {"normalisation": names}, where="")
        for names in (["whitespace", "lowercase"], ["lowercase", "whitespace"])
    )
    assert one == other == step_options(EXACT, {}, where="")


def test_a_normalisation_is_datatroves_of_these_names_alone() -> None:
    from datatrove.utils.text import simplify_text

    text = "On Monday, 12.5  Élan!"
    assert text == simplify_text(text, text_normalisation([]))
    assert simplify_text(text, text_normalisation(["lowercase"])) == "on monday, 12.5  élan!"
    assert simplify_text(text, text_normalisation(["numbers"])) == "On Monday, 0  Élan!"
    assert simplify_text(text, text_normalisation(["punctuation"])) == "On Monday  12 5  Élan"
    assert simplify_text(text, text_normalisation(["whitespace"])) == "On Monday, 12.5 Élan!"
    assert simplify_text(text, text_normalisation(["diacritics"])) == "On Monday, 12.5  Elan!"
    assert simplify_text(text, text_normalisation(["lowercase", "weekdays"])) == "on WEEKDAY, 12.5  élan!"
    assert simplify_text("In May", text_normalisation(["months", "lowercase"])) == "in MONTH"
