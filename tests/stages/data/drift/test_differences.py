"""Recipes and documents of two versions are compared by what each did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.stages.data.drift.differences import (
    AloneDocument,
    ChangedOption,
    RecipeDifference,
    compare_documents,
    compare_recipes,
    count_by_reason,
)
from harness.stages.data.outcomes import Explanation
from harness.stages.data.recipe import Recipe, RecipeStep


def recipe(*steps: tuple[str, dict[str, Any]], content="c", version="1"):
    return Recipe(
        "d.jsonl", content, tuple(RecipeStep(name, options, {**options, "v": version}) for name, options in steps)
    )


C4 = ("c4", {"min_words": 3})
EXACT = ("exact", {})
PII = ("pii", {"email": True})
SAME = RecipeDifference(True, (), (), (), (), False)


def test_equal_recipes_differ_in_nothing():
    assert compare_recipes(recipe(C4, EXACT), recipe(C4, EXACT)) == SAME


def test_steps_options_order_packages_and_sources_are_told():
    found = compare_recipes(recipe(C4, EXACT, PII), recipe(EXACT, ("c4", {"min_words": 5}), ("url", {}), content="d"))
    assert not found.is_same_source
    assert (found.first_alone, found.second_alone) == (("pii",), ("url",))
    assert found.options == (ChangedOption("c4", "min_words", 3, 5),)
    assert found.is_reordered
    assert found.packages == ()
    assert compare_recipes(recipe(C4), recipe(C4, version="2")).packages == ("c4",)


def test_what_tokens_are_counted_by_is_told():
    words, small, other = (replace(recipe(C4), tokenizer=each) for each in (None, ("small", "1"), ("other", "1")))
    assert compare_recipes(words, small).token_units == ("words", "small")
    assert compare_recipes(small, other) == SAME


def told(**documents: str | tuple[str, str]):
    """What became of documents: a text that was kept, or step and reason of a removal."""
    for name, fate in documents.items():
        kept = isinstance(fate, str)
        step, reason = (None, None) if kept else fate
        yield Explanation(name, kept, step, reason, None, "before", fate if kept else None)


def test_documents_are_told_with_what_removed_them_from_the_other():
    first = told(same="t", changed="t", lost="t", won=("c4", "c4_short"), gone="t", never=("c4", "x"))
    second = told(new="t", won="t", lost=("exact", "duplicate"), changed="u", same="t", never=("a", "b"))
    found = compare_documents(first, second)
    assert found.n_shared == 2
    assert found.changed == ("changed",)
    assert found.first_alone == (AloneDocument("gone", None, None), AloneDocument("lost", "exact", "duplicate"))
    assert found.second_alone == (AloneDocument("new", None, None), AloneDocument("won", "c4", "c4_short"))


def test_removals_are_counted_the_most_first():
    alone = [AloneDocument("a", "c4", "x"), AloneDocument("b", None, None), AloneDocument("c", "c4", "x")]
    assert list(count_by_reason(alone).items()) == [(("c4", "x"), 2), ((None, None), 1)]
