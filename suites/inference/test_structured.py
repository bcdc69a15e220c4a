import pytest

from harness import checks

WORD = "^[A-Za-z]{1,12}$"
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SCHEMA = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "pattern": WORD},
        "day": {"enum": DAYS},
        "hour": {"type": "integer", "minimum": 0, "maximum": 23},
        "guests": {"type": "array", "items": {"type": "string", "pattern": WORD}, "maxItems": 3},
    },
    "required": ["place", "day", "hour", "guests"],
    "additionalProperties": False,
}
# The longest answer that the schema allows has 108 characters (117 with spaces), each of them a token at most.
LIMIT = 120


@pytest.mark.evaluation(
    cases="evals/inference/bookings/cases.jsonl",
    samples=5,
    threshold=0.99,
    margin=0.02,
    requirement="Non-functional: a program can read every record, also the longest.",
)
async def test_valid_at_the_limit(model, case):
    answer = await model.chat(case.prompt, schema=SCHEMA, max_tokens=LIMIT)
    cut = f"cut at max_tokens = {LIMIT}: " if answer.truncated else ""
    follows = checks.follows_schema(answer.text, SCHEMA)
    assert follows.value == 1, f"{cut}{follows.reason}"
