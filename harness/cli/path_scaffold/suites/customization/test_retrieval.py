"""Stage 4: the passages that a release is given, without any model."""

import pytest

from harness import checks


@pytest.mark.evaluation(
    cases="data/questions.jsonl",
    samples=1,
    threshold=0.85,
    margin=0.05,
    requirement="Non-functional: the passage that answers is the first that is found.",
)
def test_recall(retriever, case):
    return checks.recall_at([passage.id for passage in retriever.search(case.prompt)], case.relevant, 1)
