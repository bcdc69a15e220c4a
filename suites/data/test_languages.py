import pytest


def documents(kind, threshold):
    return pytest.param(
        id=kind,
        marks=pytest.mark.evaluation(
            cases=f"evals/data/language/{kind}.jsonl",
            cluster=False,
            threshold=threshold,
            margin=0.02,
            requirement="Business: the model learns from English alone; other languages cost tokens and teach nothing.",
        ),
    )


@pytest.mark.parametrize((), [documents("whole", 0.99), documents("short", 0.95), documents("mixed", 0.9)])
def test_other_languages(corpus, case):
    found = corpus[case.id]
    assert found.step == "language", f"{found}; language must remove it, for it is in {case.language!r}"
