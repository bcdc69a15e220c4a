import gzip
import json
from dataclasses import astuple
from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).parents[2] / "evals/data/web/documents.jsonl.gz"
PART = ("exact-", "minhash-signs", "minhash-70-0", "text-", "pii-", "clean-00")
ARRANGED = {
    "reversed": lambda lines: {"a.jsonl": lines[::-1]},
    "in three files": lambda lines: {f"{3 - number}.jsonl": lines[number::3] for number in range(3)},
}


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    """Builds a corpus again from a part of its documents, which are arranged in files."""
    with gzip.open(DOCUMENTS, "rt", encoding="utf-8") as file:
        lines = [line for line in file if json.loads(line)["id"].startswith(PART)]

    def build(corpus, arrange, workers):
        folder = tmp_path_factory.mktemp("documents")
        for name, part in arrange(lines).items():
            (folder / name).write_text("".join(part), encoding="utf-8")
        return corpus.rebuild(folder, workers=workers)

    return build


@pytest.mark.evaluation(
    cases=[{"id": name} for name in ARRANGED],
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a corpus can be built again: neither files, their order nor the workers change it.",
)
def test_built_again(corpus, case, rebuilt):
    once = rebuilt(corpus, lambda lines: {"documents.jsonl": lines}, 1)
    again = rebuilt(corpus, ARRANGED[case.id], 2)
    differs = [str(one) for one in once.explain() if astuple(one) != astuple(again[one.id])]
    assert not differs, f"{differs[0]}; {case.id}, something else became of it, and of {len(differs) - 1} others"
    assert again.fingerprint == once.fingerprint, "the documents that were kept differ in what is known of them"
