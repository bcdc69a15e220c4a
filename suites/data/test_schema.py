import pytest

OPEN = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0", "MIT")
COLUMNS = {
    "id": lambda document: bool(document.id),
    "text": lambda document: bool(document.text.strip()) and "\0" not in document.text,
    "licence": lambda document: document.metadata.get("licence") in OPEN,
    "source": lambda document: document.metadata.get("source") in ("generated", "written"),
    "language": lambda document: document.metadata.get("language") == "en",
    "html": lambda document: not document.metadata.get("is_html"),
}


@pytest.mark.evaluation(
    cases=[{"id": column} for column in COLUMNS],
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Business: of each document it is known where it comes from, and that it may be used.",
)
def test_schema(corpus, case):
    wrong = [document.id for document in corpus.documents() if not COLUMNS[case.id](document)]
    assert not wrong, f"{len(wrong)} of {len(corpus)} documents lack a sound {case.id}, {wrong[0]!r} among them"


@pytest.mark.evaluation(
    cases="evals/data/retention/cases.jsonl",
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: of each document it can be told what became of it, and why.",
)
def test_explained(corpus, case):
    found = corpus[case.id]
    if found.kept:
        assert found.after, f"{found}, without a text"
        assert (found.step, found.reason, found.duplicate_of) == (None, None, None), f"{found}, yet it has a reason"
    else:
        assert found.step in [step.step for step in corpus.statistics.steps], f"{found}, which the recipe lacks"
        assert found.reason, f"{found}, without a reason"
        assert found.after is None, f"{found}, yet it has a text"
