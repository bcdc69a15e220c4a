"""Stage 1: what a release is taught on. Each document says what must become of it."""

import pytest

DOCUMENTS = "data/documents.jsonl"


@pytest.mark.evaluation(
    cases=DOCUMENTS, cluster=False, threshold=1.0, margin=0.02, requirement="Business: no sound document is lost."
)
def test_kept(corpus, case):
    if case.fate != "kept":
        pytest.skip("is to be removed or changed")
    assert corpus[case.id].kept, str(corpus[case.id])


@pytest.mark.evaluation(
    cases=DOCUMENTS,
    cluster=False,
    threshold=0.6,
    margin=0.02,
    requirement="Non-functional: copies and people's addresses are not learned.",
)
def test_cleaned(corpus, case):
    outcome = corpus[case.id]
    if case.fate == "kept":
        pytest.skip("is to stay as it is")
    if case.fate == "pii":
        assert outcome.kept, str(outcome)
        assert case.get("lacks") not in outcome.after, "the address is still in it"
    else:
        assert outcome.step == case.fate, str(outcome)
