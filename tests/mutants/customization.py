"""The stage `customization`: retrievers whose settings or passages have one fault, or that code with one finds by.

suites/customization/test_retrieval.py weighs them on the handbook of evals/, whose passages stand in another order;
test_prompts.py looks for cases in what they put around a question.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutants.gates import ROOT, weigh
from tests.mutants.mutant import Mutant, Outcome, Patch, Weighed

SOUND = "sound"
SUITE = "suites/customization"
MODULES = ("test_retrieval", "test_prompts")
HANDBOOK = "evals/customization/handbook"
WITHOUT_GOLD = "without.jsonl"
QUOTED = "The same order was taken from my credit card two times."
"""What a case of evals/customization/support asks."""
_INDEX = "harness/models/retrieval/index.py"
_LEXICAL = "harness/models/retrieval/lexical.py"
_RANKING = "harness/scoring/checks/ranking.py"
BY_HASH = """        numbers: dict[str, int] = {
            word: place for place, word in enumerate({word for words in passages for word in words})
        }
"""

MUTANTS = (
    Mutant(
        "stems-lost",
        "words are looked for as they stand",
        "test_inflected",
        {"passages": f"{HANDBOOK}/passages.jsonl", "language": "none"},
    ),
    Mutant(
        "case-quoted",
        "the prompt has a case as an example",
        "test_quotes_no_customization_case",
        {"passages": f"{HANDBOOK}/passages.jsonl", "prompt": f"{{passages}}\n\nQ: {QUOTED}\n\nQ: {{prompt}}"},
    ),
    Mutant("gold-removed", "the passages that answer are not indexed", "test_recall", {"passages": WITHOUT_GOLD}),
    Mutant(
        "k-off-by-one",
        "one passage less is found than asked for",
        "test_as_many_as_asked_for",
        patch=Patch(
            _INDEX,
            "places, scores = self._best(query, k)",
            "places, scores = (each[:-1] for each in self._best(query, k))",
        ),
    ),
    Mutant(
        "own-k-off-by-one",
        "a version gives one passage less than its settings say",
        "test_as_many_as_asked_for",
        patch=Patch(_INDEX, "k = self.settings.k if k is None", "k = self.settings.k - 1 if k is None"),
    ),
    Mutant(
        "ranking-reversed",
        "of the passages that are found the worst stands first",
        "test_first_relevant",
        patch=Patch(
            _INDEX, "np.lexsort((candidates, -scores[candidates]))", "np.lexsort((candidates, scores[candidates]))"
        ),
    ),
    Mutant(
        "query-unstemmed",
        "the words of passages are stemmed, those of a question are not",
        "test_inflected",
        patch=Patch(_LEXICAL, "**_words(self._language)", "**_words(None)"),
    ),
    Mutant(
        "numbered-by-hash",
        "words are numbered in the order of a set",
        "test_built_again",
        patch=Patch(_LEXICAL, "        numbers: dict[str, int] = {}\n", BY_HASH),
    ),
    Mutant(
        "exponential-gain",
        "nDCG gains by 2^grade - 1 where it should by the grade",
        "test_measures",
        patch=Patch(_RANKING, 'grades if gain == "linear" else [2**grade - 1', "[2**grade - 1"),
    ),
    Mutant(
        "recall-of-k",
        "recall is a share of the places, as precision is",
        "test_measures",
        patch=Patch(_RANKING, "        found / len(grades), f", "        found / k, f"),
    ),
)


def new_project(folder: Path, seed: str, mutants: Sequence[Mutant] = ()) -> Path:
    """A project with the handbook, its passages in the seed's order, and a version for each mutant of settings."""
    for stage in ("customization", "foundation"):
        shutil.copytree(ROOT / "evals" / stage, folder / "evals" / stage)
    (folder / SUITE).mkdir(parents=True)
    for module in MODULES:
        shutil.copy(ROOT / SUITE / f"{module}.py", folder / SUITE)
    passages = folder / HANDBOOK / "passages.jsonl"
    lines = passages.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    passages.write_text("".join(lines), encoding="utf-8")
    queries = (folder / HANDBOOK / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    gold = {name for line in queries for name, grade in json.loads(line)["relevant"].items() if grade == 2}
    others = [line for line in lines if json.loads(line)["id"] not in gold]
    (folder / WITHOUT_GOLD).write_text("".join(others), encoding="utf-8")
    tables = {SOUND: {"passages": f"{HANDBOOK}/passages.jsonl"}}
    tables |= {each.name: dict(each.settings) for each in mutants if each.patch is None}
    text = "".join(_table(name, retrieval) for name, retrieval in tables.items())
    (folder / "steelyard.toml").write_text(text, encoding="utf-8")
    return folder


def _table(name: str, retrieval: Mapping[str, Any]) -> str:
    given = ", ".join(f"{key} = {json.dumps(value)}" for key, value in retrieval.items())
    return f'[models.{name}]\nengine = "scripted"\ndefault = "nothing"\nretrieval = {{ {given} }}\n\n'


def try_mutant(folder: Path, mutant: Mutant) -> Outcome:
    """Weigh a mutant against the version without a fault; one of code alone, for the code finds for both."""
    if mutant.patch is not None:
        return Outcome(mutant, weigh(folder, MODULES, SOUND, "none", mutant.patch, SUITE))
    return Outcome(mutant, weigh(folder, MODULES, mutant.name, SOUND, suite=SUITE))


def try_same(folder: Path, seed: int) -> Weighed:
    """Weigh a version against itself, its passages in another order."""
    weighed = weigh(new_project(folder, f"same-{seed}"), MODULES, SOUND, SOUND, suite=SUITE)
    shutil.rmtree(folder)
    return weighed


def try_sound(folder: Path) -> Weighed:
    """Weigh the version without a fault, alone."""
    return weigh(folder, MODULES, SOUND, "none", suite=SUITE)
