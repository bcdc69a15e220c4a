import pytest

BLOCKS = [{"id": f"block-{number:02}", "block": number} for number in range(30)]
REQUIREMENT = "Non-functional: what a model is trained on changes when somebody decides so, and not by itself."


def drifts(margin, requirement=REQUIREMENT):
    """An evaluation of the drift in a column: blocks of documents are its cases, and what they have is 0 on average."""
    return pytest.mark.evaluation(
        cases=BLOCKS,
        samples=1,
        design="fixed",
        cluster=False,
        about="population",
        aim="same",
        margin=margin,
        requirement=requirement,
    )


@drifts(0.1)
def test_length(corpus, case):
    return corpus.drift("length").block(case.block)


@drifts(0.01)
def test_language(corpus, case):
    return corpus.drift("language").block(case.block)


@drifts(0.01)
def test_source(corpus, case):
    return corpus.drift("source").block(case.block)


@drifts(0.01)
def test_ngrams(corpus, case):
    return corpus.drift("ngrams").block(case.block)


@pytest.mark.evaluation(
    cases=BLOCKS,
    samples=1,
    design="fixed",
    cluster=False,
    about="population",
    aim="same",
    threshold=0.0,
    margin=0.2,
    requirement="Non-functional: what tells of drifts is silent where there is none: one half against the other.",
)
def test_halves(corpus, case):
    columns = ("length", "language", "source", "ngrams")
    return {column: corpus.drift(column, against="half").block(case.block) for column in columns}
