import pytest
from orders import find_order

from harness import checks

CASES = [
    {"id": "known", "prompt": "It is order 7.", "expected": "Friday"},
    {"id": "unknown", "prompt": "It is order 8.", "expected": "can't find"},
]


@pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.4)
async def test_tools(model, case):
    talk = await model.loop(case.prompt, tools=[find_order], steps=4, temperature=0)
    assert checks.calls(talk, "find_order").value == 1
    return checks.contains(talk.text, case.expected)
