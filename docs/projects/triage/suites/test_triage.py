import pytest

CASES = [{"id": f"ticket-{n}", "prompt": f"Ticket {n}: I was charged twice. Which team?"} for n in range(60)]


@pytest.mark.evaluation(cases=CASES, requirement="A ticket reaches the team that can answer it")
async def test_team(model, case):
    assert await model.ask(case.prompt) == "billing"
