"""What a student was taught on, and whether its teacher knows what it teaches."""

import functools
import json
from pathlib import Path

import pytest

from harness import Measure, NotInLineageError, Score, checks

PROMPTS = "evals/distillation/prompts/cases.jsonl"
# So that a small teacher answers the question, and does not tell a story.
EXAMPLES = [
    {"role": "user", "content": "What do you cut paper with?"},
    {"role": "assistant", "content": "You cut paper with scissors."},
    {"role": "user", "content": "Who teaches children at school?"},
    {"role": "assistant", "content": "A teacher teaches children at school."},
]


@pytest.mark.evaluation(
    cases="evals/distillation/quality/cases.jsonl",
    per="case",
    samples=1,
    threshold=0.9,
    margin=0.05,
    requirement="Non-functional: lessons are whole, differ, and do not repeat one another.",
)
def test_quality(distillation, case):
    share = distillation.quality[case.of]
    if share is None:
        raise NotInLineageError(distillation.version, "answer of four words in its lessons", "longer ones")
    return Measure(share, "of the lessons", at_most=1.0)


@pytest.mark.evaluation(
    cases="evals/foundation",
    samples=1,
    cluster=False,
    threshold=1.0,
    margin=0.00001,
    max_samples=20_000,
    requirement="Non-functional: no case of an evaluation is in what a student is taught on.",
)
def test_contamination(distillation, case):
    found = distillation.contamination("evals/foundation")[case.id]
    if found.state == "too short":
        pytest.skip("has too few words to be known again")
    return Score(float(not found.is_contaminated), str(found))


@pytest.mark.evaluation(
    cases=PROMPTS,
    samples=4,
    threshold=0.7,
    margin=0.1,
    requirement="Business: a teacher that answers its own prompts wrongly teaches what is wrong.",
)
async def test_teacher_passes(distillation, teacher, case):
    asked = {prompt[-1]["content"] for prompt in distillation.prompts}
    if asked.isdisjoint(known_prompts()):
        what = f"prompt that is a case of {PROMPTS}"
        raise NotInLineageError(distillation.version, what, "some of them, or write a case for each of its own")
    if case.prompt not in asked:
        pytest.skip("the teacher is not asked this for its student")
    answer = await teacher.chat([*EXAMPLES, {"role": "user", "content": case.prompt}], max_tokens=48)
    return checks.contains(answer.text, case.expected)


@functools.cache
def known_prompts():
    """Those that there is a case of."""
    lines = (Path(__file__).parents[2] / PROMPTS).read_text("utf-8").splitlines()
    return {json.loads(line)["prompt"] for line in lines}
