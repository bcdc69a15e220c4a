"""The documents of evals/data are those that the generator makes, and what is told of them is true."""

from __future__ import annotations

import gzip
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.records import Case
from harness.stages.data.outcomes import Explanation
from tests.corpora.generate import DATA, DOCUMENTS, planted, write
from tests.corpora.pairs import SIMILARITIES, jaccard, near_pair
from tests.corpora.personal import card, iban

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.name for path in DATA.iterdir() if path.name != "contamination")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    with gzip.open(DATA / DOCUMENTS, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}


@pytest.mark.nightly
def test_the_generator_makes_what_is_committed(tmp_path: Path) -> None:
    """But for how it is packed, which is zlib's to choose."""
    write(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(made) >= 30
    for name, path in made.items():
        there, new = (DATA / name).read_bytes(), path.read_bytes()
        if name == DOCUMENTS:
            there, new = gzip.decompress(there), gzip.decompress(new)
        assert there == new, f"{name} is not what `python -m tests.corpora.generate` makes"


def test_documents_are_many_and_say_where_they_are_from(documents: dict[str, dict[str, Any]]) -> None:
    assert len(documents) >= 5000
    assert (DATA / DOCUMENTS).stat().st_size <= 3_000_000
    for row in documents.values():
        assert {"id", "licence", "source"} < set(row), row["id"]
        assert ("text" in row) != ("html" in row), row["id"]
        assert row["source"] in ("generated", "written")


def named(name: str) -> Iterator[str]:
    """The documents that the cases of an evaluation name."""
    for path in sorted((DATA / name).glob("*.jsonl")):
        for case in lines(path):
            if "pairs" in case:
                yield from (document for pair in case["pairs"] for document in pair)
            else:
                yield from (case["id"], *case.get("copies", ()))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("web", "prose")])
def test_a_case_names_documents_that_are_there(name: str, documents: dict[str, dict[str, Any]]) -> None:
    found = list(named(name))
    assert found
    assert len(found) == len(set(found))
    assert [document for document in found if document not in documents] == []


def test_every_document_is_named_by_one_evaluation(documents: dict[str, dict[str, Any]]) -> None:
    found = [document for name in NAMES if name not in ("web", "prose", "retention") for document in named(name)]
    assert sorted(found) == sorted(documents)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_all_evaluations_counts_them(name: str, documents: dict[str, dict[str, Any]]) -> None:
    row = re.search(
        rf"^\| \[data/{name}\]\(data/{name}/README\.md\) \| ([\d,]+) \|",
        (ROOT / "evals" / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert row is not None
    texts = [text for path in DATA.joinpath(name).glob("*.txt") for text in path.read_text().split("\n%\n")]
    counts = {"web": len(documents), "prose": len(texts)}
    n_cases = sum(len(lines(path)) for path in DATA.joinpath(name).glob("*.jsonl"))
    assert int(row[1].replace(",", "")) == counts.get(name, n_cases)
    assert DATA.joinpath(name, "README.md").is_file()


def test_there_are_300_pairs_of_each_similarity() -> None:
    cases = lines(DATA / "minhash" / "pairs.jsonl")
    assert {case["similarity"]: len(case["pairs"]) for case in cases} == dict.fromkeys(map(float, SIMILARITIES), 300)


@pytest.mark.parametrize("similarity", SIMILARITIES, ids=float)
def test_a_pair_has_exactly_its_similarity(similarity: Any) -> None:
    assert {jaccard(*near_pair(Random(f"{seed}"), similarity)) for seed in range(10)} == {similarity}


@pytest.fixture(scope="module")
def signatures(documents: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

    from harness.stages.data.steps.step import step_options
    from harness.stages.data.steps.user import find_step

    spec = find_step("minhash", ROOT)
    made = MinhashDedupSignature(
        str(tmp_path_factory.mktemp("signatures")), spec.make(step_options(spec, {}, where="test")).config
    )
    return lambda document: made.get_shingles(documents[document]["text"]), made.get_signature


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(len(SIMILARITIES)))
def test_pairs_are_as_alike_as_is_told_to_the_step_and_as_many_are_found_as_must_be(
    number: int, signatures: Any
) -> None:
    """The similarity is that of datatrove's own 5-grams; the band is the one of 99 % for this similarity alone."""
    from scipy.stats import binom

    shingles, signature = signatures
    case = lines(DATA / "minhash" / "pairs.jsonl")[number]
    n_found = 0
    for pair in case["pairs"]:
        one, other = (shingles(document) for document in pair)
        sets = [set(each.ravel().tolist()) for each in (one, other)]
        assert len(sets[0] & sets[1]) / len(sets[0] | sets[1]) == pytest.approx(case["similarity"], abs=1e-12), pair
        n_found += any(first == second for first, second in zip(signature(one), signature(other), strict=True))
    low, high = binom.interval(0.99, len(case["pairs"]), 1 - (1 - case["similarity"] ** 8) ** 14)
    assert low <= n_found <= high


def test_cards_and_accounts_have_the_check_digits_that_are_told() -> None:
    from stdnum import iban as ibans
    from stdnum import luhn

    for seed in range(200):
        assert luhn.is_valid(card(Random(seed)))
        assert not luhn.is_valid(card(Random(seed), is_valid=False))
        assert ibans.is_valid(iban(Random(seed)), check_country=False)
        assert not ibans.is_valid(iban(Random(seed), is_valid=False), check_country=False)


@pytest.mark.nightly
def test_documents_of_another_seed_are_others() -> None:
    from tests.mutants.data import SIZES

    one, other = ([each.text for each in planted(seed, SIZES) if each.source == "generated"] for seed in ("1", "2"))
    assert len(set(one) & set(other)) / len(one) < 0.1


@pytest.fixture
def fates() -> dict[str, Explanation]:
    """What became of some documents, as a corpus tells it."""
    removed = Explanation("a", False, "c4", "too_few_sentences", None, "Some text.", None)
    copy = Explanation("b", False, "exact", "duplicate", "a", "Some text.", None)
    kept = Explanation("c", True, None, None, None, "Write to ann@example.com.", "Write to ann@example.com.")
    return {each.id: each for each in (removed, copy, kept)}


@pytest.mark.parametrize(
    ("module", "function", "case", "more", "message"),
    [
        ("test_filters", "test_planted", {"id": "a", "planted": "list_ratio"}, {"step": "fineweb"},
         "'a' was removed by c4: too_few_sentences; fineweb must remove it, for it holds list_ratio"),
        ("test_filters", "test_spared", {"id": "a", "near": "curly_bracket"}, {"step": "c4"},
         "'a' was removed by c4: too_few_sentences; it comes near a rule of c4"),
        ("test_languages", "test_other_languages", {"id": "c", "language": "de"}, {},
         "'c' was kept; language must remove it, for it is in 'de'"),
        ("test_pages", "test_pages", {"id": "b", "holds": [], "lacks": []}, {},
         "'b' was removed by exact: a duplicate of 'a'"),
        ("test_duplicates", "test_copies", {"id": "c", "copies": ["b"], "kind": "case"}, {"step": "exact"},
         "'b' was removed by exact: a duplicate of 'a'; the first of its cluster is 'c'"),
    ],
)  # fmt: skip
def test_a_failure_names_the_document_and_what_became_of_it(
    module: str, function: str, case: dict[str, Any], more: dict[str, str], message: str, fates: dict[str, Explanation]
) -> None:
    body = runpy.run_path(str(ROOT / "suites" / "data" / f"{module}.py"))[function]
    with pytest.raises(AssertionError, match=re.escape(message)):
        body(corpus=fates, case=Case(case), **more)


def test_what_was_missed_is_told(fates: dict[str, Explanation]) -> None:
    recall = runpy.run_path(str(ROOT / "suites" / "data" / "test_personal_data.py"))["test_recall"]
    score = recall(corpus=fates, case=Case({"id": "c", "items": ["ann@example.com", "1.2.3.4"]}), kind="email")
    assert (score.value, score.reason) == (0.5, "'c' was kept with 'ann@example.com'")
