import pytest

from harness import Score

DOCUMENTS = [
    {"id": "bread", "wanted": "kept"},
    {"id": "letters", "wanted": "kept"},
    {"id": "spam", "wanted": "removed"},
    {"id": "bread-edited", "wanted": "removed"},
]


@pytest.mark.evaluation(cases=DOCUMENTS, threshold=1.0, margin=0.01)
def test_keeps_what_it_should(corpus, case):
    outcome = corpus[case.id]
    return Score(float(outcome.kept == (case.wanted == "kept")), str(outcome))


@pytest.mark.evaluation(cases=[{"id": "letters", "address": "editor@paper.example"}], threshold=1.0, margin=0.01)
def test_holds_no_address(corpus, case):
    assert case.address not in corpus[case.id].after
