"""The stage `data`: corpora whose recipe has one fault, or that are built by code with one.

They are weighed by suites/data on documents that the generator of evals/data makes, fewer and with another seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.corpora.generate import Sizes, write
from tests.corpora.languages import languages
from tests.mutants.gates import ROOT, toml, weigh
from tests.mutants.mutant import Mutant, Outcome, Patch, Weighed

CLEAN = "clean"
LICENCE = "suites.data.licences:is_open"
STEPS = (
    LICENCE,
    "url",
    "text",
    "language",
    "gopher_repetition",
    "gopher_quality",
    "c4",
    "fineweb",
    "exact",
    "minhash",
    "pii",
)
MODULES = ("test_filters", "test_languages", "test_pages", "test_duplicates", "test_personal_data", "test_schema")
REBUILT = ("test_determinism",)
SIZES = Sizes(
    clean=60,
    broken=3,
    near=2,
    languages=2,
    pages=8,
    found=2,
    alike=2,
    clusters=4,
    pairs=40,
    closed=4,
    sample=300,
    has_longest=False,
)
AGAIN = '''"""Replaces what the step `pii` replaced, as datatrove does it: by placeholders in turn."""

import functools

from harness.extension import Keep


@functools.cache
def formatter():
    from datatrove.pipeline.formatters import PIIFormatter

    return PIIFormatter()


def again(document):
    return Keep(formatter().format(document.text))
'''
KEEP_THE_LAST = """    last = {first: place for place, first in sorted(survivors.items())}
    survivors = {
        place: last[first]
        for place, first in [*survivors.items(), *((first, first) for first in last)]
        if place != last[first]
    }
    wanted = {*survivors, *survivors.values()}
"""
IN_TURN = """                turns = without_personal_data.__dict__
                turns["next"] = not turns.get("next", False)
                pieces += (text[end:start], placeholder if turns["next"] else placeholder.upper())
"""
FIRST_SEED = 40
"""Of the gates of a version against itself. What those before it found was mended in the generator and the evaluations,
so that what they say now proves nothing: of the seeds 0 to 19, 1, 17 and 19 were red, of 20 to 39, 22 and 34."""
NOTES = """Of the seeds that were tried while generator and evaluations were written, 3 of 20 and then 2 of 20 gates
were red: documents that repeated themselves by accident, and eight broken pages that were too few for their threshold.
That was mended, and the seeds here are others. Two mutants were not found by the evaluation that they were meant for:
documents in the order of the files, which no build comes to its end with (it is not in the table), and
placeholders-in-turn, for which `test_built_again` stays green; the evaluation named for it was chosen afterwards.

The gates of the version against itself are of six modules of suites/data: what `test_drift` (with `test_halves`),
`test_contamination` and `test_determinism` say of it was not tried."""
_STEPS = "harness/stages/data/steps"


def _without(step: str) -> dict[str, Any]:
    return {"steps": [each for each in STEPS if each != step]}


def _swapped(one: str, other: str) -> dict[str, Any]:
    exchanged = {one: other, other: one}
    return {"steps": [exchanged.get(each, each) for each in STEPS]}


def _set(step: str, **options: Any) -> dict[str, Any]:
    return {step: options}


MUTANTS = (
    Mutant("no-licences", "the project's own step is left out", "test_planted[licence]", _without(LICENCE)),
    Mutant("no-url", "url is left out", "test_planted[url]", _without("url")),
    Mutant("no-text", "text is left out", "test_pages[well_formed]", _without("text")),
    Mutant("no-language", "language is left out", "test_other_languages[whole]", _without("language")),
    Mutant(
        "no-repetition",
        "gopher_repetition is left out",
        "test_planted[gopher_repetition]",
        _without("gopher_repetition"),
    ),
    Mutant("no-quality", "gopher_quality is left out", "test_planted[gopher_quality]", _without("gopher_quality")),
    Mutant("no-c4", "c4 is left out", "test_planted[c4]", _without("c4")),
    Mutant("no-fineweb", "fineweb is left out", "test_planted[fineweb]", _without("fineweb")),
    Mutant("no-exact", "exact is left out", "test_copies[exact]", _without("exact")),
    Mutant("no-minhash", "minhash is left out", "test_near_duplicates", _without("minhash")),
    Mutant("no-pii", "pii is left out", "test_recall[email]", _without("pii")),
    Mutant("near-before-equal", "exact and minhash change places", "test_copies[exact]", _swapped("exact", "minhash")),
    Mutant("judged-as-html", "text and language change places", "test_pages[crowded]", _swapped("text", "language")),
    Mutant("lists-off", "url without datatrove's lists", "test_planted[url]", _set("url", use_integrated_lists=False)),
    Mutant(
        "languages-open",
        "language keeps every language",
        "test_other_languages[whole]",
        _set("language", keep=["en", *languages()], above=0.65),
    ),
    Mutant(
        "language-low",
        "language keeps what is English with 0.05",
        "test_other_languages[mixed]",
        _set("language", keep=["en"], above=0.05),
    ),
    Mutant(
        "language-high",
        "language keeps what is English with 0.99 alone",
        "test_spared[language]",
        _set("language", keep=["en"], above=0.99),
    ),
    Mutant("short-texts", "5 words suffice", "test_planted[gopher_quality]", _set("gopher_quality", min_doc_words=5)),
    Mutant("lines-of-script", "c4 leaves lines on JavaScript", "test_lines", _set("c4", filter_javascript=False)),
    Mutant(
        "repeated-lines",
        "0.1 in the place of 0.01: characters in repeated lines",
        "test_planted[fineweb]",
        _set("fineweb", char_duplicates_ratio=0.1),
    ),
    Mutant(
        "half-gopher",
        "gopher_repetition knows no 5- to 10-grams",
        "test_planted[gopher_repetition]",
        _set("gopher_repetition", dup_n_grams=[]),
    ),
    Mutant(
        "equal-by-case",
        "exact does not lower the case",
        "test_copies[exact]",
        _set("exact", normalisation=["whitespace"]),
    ),
    Mutant(
        "buckets-20-20",
        "20 × 20 in the place of 14 × 8",
        "test_near_duplicates",
        _set("minhash", buckets=20, hashes_per_bucket=20),
    ),
    Mutant(
        "buckets-40-4",
        "40 × 4 in the place of 14 × 8: finds too many",
        "test_near_duplicates",
        _set("minhash", buckets=40, hashes_per_bucket=4),
    ),
    Mutant(
        "near-by-case",
        "minhash does not lower the case",
        "test_copies[minhash]",
        _set("minhash", normalisation=["numbers", "punctuation", "whitespace", "diacritics"]),
    ),
    Mutant(
        "replaced-twice", "personal data is replaced twice", "test_rest[ip]", {"steps": [*STEPS, "replacing:again"]}
    ),
    Mutant(
        "no-cards", "pii does not know cards", "test_recall[card]", _set("pii", kinds=["email", "ip", "iban", "phone"])
    ),
    Mutant(
        "keep-the-last",
        "of a cluster the last stays",
        "test_copies[exact]",
        patch=Patch(f"{_STEPS}/exact.py", "    wanted = {*survivors, *survivors.values()}\n", KEEP_THE_LAST),
    ),
    Mutant(
        "any-ip",
        "private addresses of the internet are replaced as well",
        "test_precision[ip]",
        patch=Patch(f"{_STEPS}/pii.py", "if pattern.validator is None or pattern.validator(match[0]):", "if match:"),
    ),
    Mutant(
        "any-card",
        "cards are replaced whatever their check digit",
        "test_precision[card]",
        patch=Patch(f"{_STEPS}/pii.py", " and luhn.is_valid(digits)", ""),
    ),
    Mutant(
        "hashes-drawn-anew",
        "minhash draws its hashes anew in each build",
        "test_built_again",
        patch=Patch(
            f"{_STEPS}/minhash.py", "seed=self.seed,", 'seed=int.from_bytes(__import__("os").urandom(4), "little"),'
        ),
        modules=REBUILT,
    ),
    # Meant for test_built_again, which stayed green: documents come in one order whatever the files and workers, so
    # that even a step with a memory gives the same. What it writes is still wrong, and another evaluation says so.
    Mutant(
        "placeholders-in-turn",
        "placeholders take turns, as datatrove's do",
        "test_rest[email]",
        patch=Patch(f"{_STEPS}/pii.py", "                pieces += (text[end:start], placeholder)\n", IN_TURN),
        modules=REBUILT,
    ),
)


def new_project(folder: Path, seed: str, mutants: Sequence[Mutant] = (), sizes: Sizes = SIZES) -> Path:
    """A project with documents of its own, the evaluations of suites/data, and a version for each mutant."""
    write(folder / "evals" / "data", seed, sizes)
    shutil.copytree(ROOT / "suites" / "data", folder / "suites" / "data", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "replacing.py").write_text(AGAIN, encoding="utf-8")
    tables: dict[str, Mapping[str, Any]] = {CLEAN: {}, **{each.name: each.settings for each in mutants}}
    text = "".join(_table(name, {"steps": list(STEPS), **settings}) for name, settings in tables.items())
    (folder / "steelyard.toml").write_text(text, encoding="utf-8")
    return folder


def _table(name: str, settings: Mapping[str, Any]) -> str:
    lines = [f"[corpora.{name}]", 'documents = "evals/data/web/documents.jsonl.gz"']
    return "\n".join([*lines, *(f"{key} = {toml(value)}" for key, value in settings.items())]) + "\n\n"


def try_mutant(folder: Path, mutant: Mutant, modules: Sequence[str] = MODULES) -> Outcome:
    """Weigh a mutant against the version without a fault; one of code alone, for the code builds both.

    Args:
        modules: of suites/data that are run, beside the mutant's own.
    """
    modules = (*modules, *mutant.modules)
    if mutant.patch is not None:
        return Outcome(mutant, weigh(folder, modules, CLEAN, "none", mutant.patch))
    return Outcome(mutant, weigh(folder, modules, mutant.name, CLEAN))


def try_same(folder: Path, seed: int) -> Weighed:
    """Weigh a version against itself, on documents of another seed."""
    weighed = weigh(new_project(folder, f"same-{seed}"), MODULES, CLEAN, CLEAN)
    shutil.rmtree(folder)
    return weighed


def try_sound(folder: Path) -> Weighed:
    """Weigh the version without a fault, alone; what it builds the mutants are weighed against."""
    return weigh(folder, (*MODULES, *REBUILT), CLEAN, "none")
