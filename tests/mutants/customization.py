"""The stage `customization`: retrievers and needles whose settings or passages have one fault, or whose code has one.

suites/customization/test_retrieval.py weighs retrievers on the handbook of evals/, whose passages stand in another
order, test_needles.py the needles of the model that ships, which no one asks, and test_adapter.py an adapter of tiny
weights. test_prompts.py looks for cases in what versions put around a question. What a version makes of passages, of
long texts and of an adapter is asked of functions that answer for a model (`readers`), which have one fault or none.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.gates import weigh
from tests.mutants.handbook import (
    ADAPTERS,
    CONTEXT,
    GROUNDING,
    HANDBOOK,
    MODULES,
    NEEDLES,
    PLANTED,
    READS,
    SOUND,
    SUITE,
    SUPPORT,
    TRAINED,
    WHOLE,
    WITHOUT_GOLD,
    new_project,
)
from tests.mutants.mutant import Mutant, Outcome, Patch, Weighed

FIRST_SEED = 0
QUOTED = "The same order was taken from my credit card two times."
"""What a case of evals/customization/support asks."""
OF_HANDBOOK = ("When does the main library close from Monday to Friday?", "18:00")
OF_FOUNDATION = ("What is the capital of Afghanistan?", "Kabul")
"""What cases ask, and what is right."""
_INDEX = "harness/models/retrieval/index.py"
_RETRIEVER = "harness/models/retrieval/retriever.py"
_ADAPTER = "harness/stages/foundation/comparer.py"
_TRANSFORMERS = "harness/models/transformers/model.py"
_ENRICHMENT = "harness/models/enrichment.py"
_NEEDLES = "harness/stages/customization/needles.py"
_RANKING = "harness/scoring/checks/ranking.py"
BY_HASH = """    numbers: dict[str, int] = {
        word: place for place, word in enumerate({word for words in texts for word in words})
    }
"""

NOTES = (
    "An adapter on the same weights comes to the same each time, to the last bit, as what answers from a long text or "
    "with an adapter does here; they are weighed against themselves by the first seed alone, in 20 of its verdicts. "
    "`test_effective_length` is asked of a version alone, and stands in none."
)

MUTANTS = (
    Mutant(
        "case-quoted",
        "the prompt has a case as an example",
        "test_quotes_no_customization_case",
        {"passages": f"{HANDBOOK}/passages.jsonl", "prompt": f"{{passages}}\n\nQ: {QUOTED}\n\nQ: {{prompt}}"},
    ),
    Mutant(
        "answer-quoted",
        "the prompt tells a question of the handbook with its answer",
        "test_quotes_no_customization_case",
        {
            "passages": f"{HANDBOOK}/passages.jsonl",
            "prompt": f"{{passages}}\n\nQ: {OF_HANDBOOK[0]}\nA: {OF_HANDBOOK[1]}\n\nQ: {{prompt}}",
        },
    ),
    Mutant(
        "foundation-quoted",
        "the prompt has a case of the foundation as an example",
        "test_quotes_no_foundation_case",
        {
            "passages": f"{HANDBOOK}/passages.jsonl",
            "prompt": f"{{passages}}\n\nQ: {OF_FOUNDATION[0]}\nA: {OF_FOUNDATION[1]}\n\nQ: {{prompt}}",
        },
    ),
    Mutant("gold-removed", "the passages that answer are not indexed", "test_recall", {"passages": WITHOUT_GOLD}),
    Mutant(
        "k-off-by-one",
        "one passage less is found than asked for",
        "test_as_many_as_asked_for",
        patch=Patch(
            _RETRIEVER,
            "return self._best(query, k)",
            "return self._best(query, k)[:-1]",
        ),
    ),
    Mutant(
        "own-k-off-by-one",
        "a version gives one passage less than its settings say",
        "test_as_many_as_asked_for",
        patch=Patch(_RETRIEVER, "k = self.settings.k if k is None", "k = self.settings.k - 1 if k is None"),
    ),
    Mutant(
        "ranking-reversed",
        "of the passages that are found the worst stands first",
        "test_first_relevant",
        patch=Patch(_INDEX, "np.argsort(-scores[places], kind", "np.argsort(scores[places], kind"),
    ),
    Mutant(
        "query-unstemmed",
        "the words of passages are stemmed, those of a question are not",
        "test_inflected",
        patch=Patch(_INDEX, "(words,) = _words([query])", "words = query.lower().split()"),
    ),
    Mutant(
        "numbered-by-hash",
        "words are numbered in the order of a set",
        "test_built_again",
        patch=Patch(_INDEX, "    numbers: dict[str, int] = {}\n", BY_HASH),
    ),
    Mutant(
        "exponential-gain",
        "nDCG gains by 2^grade - 1 where it should by the grade",
        "test_measures",
        patch=Patch(_RANKING, "math.fsum(each / math", "math.fsum((2**each - 1) / math"),
    ),
    Mutant(
        "recall-of-k",
        "recall is a share of the places, as precision is",
        "test_measures",
        patch=Patch(_RANKING, "        n_hits / len(grades), f", "        n_hits / k, f"),
    ),
    Mutant(
        "precision-of-found",
        "precision is a share of what was found, where fewer were found than asked for",
        "test_measures",
        patch=Patch(_RANKING, "Score(n_hits / k, f", "Score(n_hits / max(1, len(ranking[:k])), f"),
    ),
    Mutant(
        "question-lost",
        "the passages are put without the question",
        "test_put",
        patch=Patch(_ENRICHMENT, "return put(self.retriever.settings.prompt, passages, question)", "return passages"),
    ),
    Mutant(
        "passages-lost",
        "the version's prompt is lost: the question is put without passages",
        "test_put",
        patch=Patch(_ENRICHMENT, "return put(self.retriever.settings.prompt, passages, question)", "return question"),
    ),
    Mutant(
        "needle-cut",
        "the first fact is cut before its end",
        "test_planted",
        patch=Patch(
            _NEEDLES, "return Needle(prompt(most),", "return Needle(prompt(most).replace(facts[0], facts[0][:-6]),"
        ),
        modules=NEEDLES,
    ),
    Mutant(
        "depth-reversed",
        "depth is counted from the end",
        "test_planted",
        patch=Patch(_NEEDLES, "- depth * starts[-1]", "- (1 - depth) * starts[-1]"),
        modules=NEEDLES,
    ),
    Mutant(
        "template-lost",
        "tokens are counted without the version's template",
        "test_planted",
        patch=Patch(_NEEDLES, "chat = self._tokenizer.chat(self._version.chat(prompt).messages)", "chat = prompt"),
        modules=NEEDLES,
    ),
    Mutant(
        "all-listed",
        "an answer that lists every value is right",
        "test_planted",
        patch=Patch(_NEEDLES, "set(named[: len(self.expected)])", "set(named)"),
        modules=NEEDLES,
    ),
    Mutant("adapter-of-nothing", "the outer matrices are 0", "test_no_op", {"adapter": "idle"}, modules=ADAPTERS),
    Mutant(
        "adapter-not-applied",
        "what is computed with the adapter is computed without it",
        "test_no_op",
        patch=Patch(
            _ADAPTER, "base = self._logits(tokens, self._model)", "base = own = self._logits(tokens, self._model)"
        ),
        modules=ADAPTERS,
    ),
    Mutant(
        "adapter-not-served",
        "the engine loads the weights and leaves the adapter out",
        "test_served",
        patch=Patch(_TRANSFORMERS, 'if "adapter" in options:', 'if "adapter" in {}:'),
        modules=ADAPTERS,
    ),
    Mutant(
        "case-taught",
        "an adapter is trained on a case that gates it",
        "test_held_out",
        {"adapter": {"data": "leaked.jsonl", **TRAINED}},
        modules=ADAPTERS,
    ),
    Mutant(
        "gain-lost",
        "the engine that has the adapter answers as its base does",
        "test_gain",
        {"leaves_adapter_out": True},
        modules=SUPPORT,
    ),
    Mutant(
        "passages-ignored",
        "what is put with a question is not read",
        "test_with_against_without",
        {"call": "readers:shrugs"},
        modules=GROUNDING,
    ),
    Mutant(
        "answer-remembered",
        "the model knows the answer, whatever passages say",
        "test_gold_removed",
        {"call": "readers:remembers"},
        modules=GROUNDING,
    ),
    Mutant(
        "contradiction-unread",
        "the model holds on to what a passage said before",
        "test_gold_contradicted",
        {"call": "readers:holds_on"},
        modules=GROUNDING,
    ),
    Mutant(
        "orders-obeyed",
        "the model does what a passage orders",
        "test_injected_passage",
        {"call": "readers:obeys"},
        modules=GROUNDING,
    ),
    Mutant(
        "context-skimmed",
        "the model reads the end of a long text",
        "test_effective_length",
        {"call": "readers:skims"},
        modules=CONTEXT,
    ),
)


def try_mutant(folder: Path, mutant: Mutant, modules: Sequence[str] = MODULES) -> Outcome:
    """Weigh a mutant against the version without a fault; one of code alone, for the code finds for both.

    Args:
        modules: that are run where the mutant has none of its own.
    """
    if mutant.modules:
        sound = next(name for name, own in WHOLE.items() if own == mutant.modules)
        candidate = mutant.name if mutant.patch is None else sound
        return Outcome(mutant, weigh(folder, mutant.modules, candidate, "none", mutant.patch, SUITE))
    if mutant.patch is not None:
        return Outcome(mutant, weigh(folder, modules, SOUND, "none", mutant.patch, SUITE))
    return Outcome(mutant, weigh(folder, modules, mutant.name, SOUND, suite=SUITE))


def try_same(folder: Path, seed: int) -> Weighed:
    """Weigh a version against itself, its passages in another order."""
    project = new_project(folder, f"same-{seed}")
    again = {name: modules for name, modules in WHOLE.items() if name in _BY_ORDER or seed == FIRST_SEED}
    weighed = _together(*(weigh(project, modules, name, name, suite=SUITE) for name, modules in again.items()))
    shutil.rmtree(folder)
    return weighed


def try_sound(folder: Path) -> Weighed:
    """Weigh the versions without a fault, alone."""
    return _together(*(weigh(folder, modules, name, "none", suite=SUITE) for name, modules in WHOLE.items()))


_BY_ORDER = (SOUND, PLANTED, READS)
"""Versions that the order of the passages may matter to, and needles, which are asked of no model."""


def _together(*gates: Weighed) -> Weighed:
    """What several gates said."""
    return Weighed(
        tuple(name for each in gates for name in each.red),
        tuple(name for each in gates for name in each.errors),
        sum(each.n_verdicts for each in gates),
        sum(each.seconds for each in gates),
    )
