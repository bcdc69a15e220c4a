import pytest

from harness import checks

CASES = [
    {"id": "late", "prompt": "What is paid for late books?", "relevant": {"fines": 1}},
    {"id": "dog", "prompt": "May I bring my dog?", "relevant": {"dogs": 1}},
    {"id": "sunday", "prompt": "Is the library open on a Sunday?", "relevant": {"hours": 1}},
    {"id": "card", "prompt": "What does a card cost?", "relevant": {"cards": 1}},
]


@pytest.mark.evaluation(cases=CASES, threshold=0.9, margin=0.1)
def test_finds_the_passage(retriever, case):
    ranking = [passage.id for passage in retriever.search(case.prompt)]
    return checks.reciprocal_rank(ranking, case.relevant)
