import pytest

from harness import checks

CASES = [
    {"id": "parcel", "turns": ["Hi", "Where is my parcel?"], "expected": "which order"},
    {"id": "bye", "turns": ["Hi", "Thanks, bye."], "expected": "goodbye"},
]


@pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.4)
async def test_script(model, case):
    talk = await model.converse(case.turns, temperature=0)
    return checks.contains(talk.text, case.expected)
