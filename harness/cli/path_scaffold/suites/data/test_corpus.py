"""Stage 1: what a release is taught on. Each document says what must become of it."""

import pytest

DOCUMENTS = "data/documents.jsonl"


@pytest.mark.evaluation(
    cases=DOCUMENTS, cluster=False, threshold=1.0, margin=0.02, requirement="Business: no sound document is lost."
)
def test_kept(corpus, case):
    if case.fate != "kept":
        pytest.skip("is to be removed or changed")
    outcome = corpus[case.id]
    assert outcome.kept or outcome.duplicate_of, f"{outcome}, and no copy of it stays"


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
        pair = outcome, corpus[case.id.rpartition("-")[0]]
        assert any(each.step == case.fate for each in pair), f"{outcome}, and so was what it is a copy of"
