import re

import pytest

from harness import Score

PLACEHOLDERS = {
    "email": "email@example.com",
    "ip": "22.214.171.124",
    "iban": "DE00 0000 0000 0000 0000 00",
    "card": "0000 0000 0000 0000",
    "phone": "+1 202-555-0100",
}
RECALL = {"email": 0.75, "ip": 0.75, "phone": 0.85, "card": 0.78, "iban": 0.73}
PRECISION = {"email": 0.99, "ip": 0.8, "phone": 0.99, "card": 0.99, "iban": 0.99}


def items(name, least, requirement):
    """An evaluation for each kind of personal data."""
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(
                kind,
                id=kind,
                marks=pytest.mark.evaluation(
                    cases=f"evals/data/pii/{name}_{kind}.jsonl",
                    cluster=False,
                    threshold=threshold,
                    margin=0.02,
                    requirement=requirement,
                ),
            )
            for kind, threshold in least.items()
        ],
    )


@items("found", RECALL, "Business: the model learns nobody's address, phone, card or account.")
def test_recall(corpus, case, kind):
    found = corpus[case.id]
    if not found.kept:
        pytest.skip(f"{found}: of it nothing is learnt")
    missed = [item for item in case.items if item in found.after]
    told = f"{case.id!r} was kept with {', '.join(map(repr, missed))}" if missed else None
    return Score(1 - len(missed) / len(case.items), told)


@items("alike", PRECISION, "Non-functional: numbers and signs that name nobody stay as they were written.")
def test_precision(corpus, case, kind):
    found = corpus[case.id]
    if not found.kept:
        pytest.skip(f"{found}: of it nothing is learnt")
    lost = [item for item in case.items if item not in found.after]
    told = f"{case.id!r} lost {', '.join(map(repr, lost))}, which names nobody" if lost else None
    return Score(1 - len(lost) / len(case.items), told)


@items("found", dict.fromkeys(RECALL, 0.99), "Non-functional: a placeholder says which kind stood there, once.")
def test_rest(corpus, case, kind):
    found = corpus[case.id]
    if not found.kept:
        pytest.skip(f"{found}: of it nothing is learnt")
    gone = [item for item in case.items if item not in found.after]
    holes = re.escape(found.before.strip())
    for item in gone:
        holes = holes.replace(re.escape(item), rf"\S{{0,16}}{re.escape(PLACEHOLDERS[kind])}\S{{0,16}}", 1)
    told = f"{case.id!r} does not hold the placeholder of {kind} in the place of {', '.join(map(repr, gone))} alone"
    assert re.fullmatch(holes, found.after.strip()), told
