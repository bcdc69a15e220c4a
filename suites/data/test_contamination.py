import pytest

from harness import Score

LEAKS = "evals/data/contamination"
DOCUMENTS = f"{LEAKS}/documents.jsonl"


@pytest.mark.evaluation(
    cases="evals",
    samples=1,
    design="fixed",
    cluster=False,
    threshold=1.0,
    margin=0.00001,
    max_samples=20_000,
    requirement="Non-functional: no case of an evaluation is in what a model is trained on.",
)
def test_contamination(corpus, case):
    if case.id.startswith("data/"):
        pytest.skip("asks about documents, which a corpus may well hold")
    found = corpus.contamination("evals")[case.id]
    if found.state == "too short":
        pytest.skip("has too few words to be known again")
    return Score(float(not found.is_contaminated), str(found))


@pytest.mark.evaluation(
    cases=f"{LEAKS}/leaked",
    samples=1,
    design="fixed",
    cluster=False,
    threshold=0.98,
    margin=0.01,
    requirement="Non-functional: a case that a document gives away is found, and the document named.",
)
def test_leaks_are_found(corpus, case):
    found = corpus.contamination(LEAKS, planted=DOCUMENTS)[f"leaked/{case.id}"]
    assert f"planted/{case.id}" in [place.document for place in found.places], str(found)


@pytest.mark.evaluation(
    cases=f"{LEAKS}/clean",
    samples=1,
    design="fixed",
    cluster=False,
    threshold=0.98,
    margin=0.01,
    requirement="Non-functional: boilerplate, twelve words in a row and an open question give no case away.",
)
def test_clean_cases_are_let_be(corpus, case):
    found = corpus.contamination(LEAKS, planted=DOCUMENTS)[f"clean/{case.id}"]
    assert not found.is_contaminated, str(found)


@pytest.mark.evaluation(
    cases=f"{LEAKS}/reworded",
    samples=1,
    design="fixed",
    cluster=False,
    requirement="Non-functional: how many rewordings are found is known. By words in a row it is none.",
)
def test_rewordings(corpus, case):
    found = corpus.contamination(LEAKS, planted=DOCUMENTS)[f"reworded/{case.id}"]
    return Score(float(found.is_contaminated), str(found))
