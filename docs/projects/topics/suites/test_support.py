import pytest

TOPICS = ("billing", *(f"topic {number}" for number in range(1, 20)))
CASES = [
    {"id": f"{topic}-{number}", "prompt": f"{topic} {number}", "topic": topic, "language": ("de", "en")[number % 2]}
    for topic in TOPICS
    for number in range(6)
]


@pytest.mark.evaluation(cases=CASES, slices="topic")
async def test_support(model, case):
    return await model.ask(case.prompt) == "yes"
