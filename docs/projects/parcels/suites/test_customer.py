import pytest
from orders import find_order

import harness
from harness import checks

CASES = [{"id": "order-7", "persona": "In a hurry. The order is number 7.", "goal": "The day of delivery."}]


@pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.4)
async def test_customer(model, case):
    user = harness.SimulatedUser("customer", persona=case.persona, goal=case.goal)
    talk = await model.converse(user, turns=5, tools=[find_order], temperature=0)
    return {
        "found": checks.calls(talk, "find_order", {"number": 7}, extra="refuse"),
        "goal met": talk.metadata["ended"] == "goal met",
    }
