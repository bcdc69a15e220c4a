import pytest

from harness import Score

CASES = [
    {"id": "season", "prompt": "Which season of the year comes after the spring?", "expected": "summer"},
    {"id": "legs", "prompt": "How many legs has a spider?", "expected": "8"},
]


@pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.001)
def test_quotes_no_case(prompt, case):
    leak = prompt.contamination(CASES)[case.id]
    return Score(float(not leak.is_contaminated), str(leak))
