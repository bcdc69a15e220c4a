"""Items to review that were written for the tests and for the pictures in the guide; no model wrote these answers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.records.review import PREFERENCES, Answer, Batch, Form, Item, LabelChoice
from harness.store import Store

SCALE = Form(
    "scale",
    "Faithful summary",
    criteria="A summary says what the text says, in fewer words, and nothing else.",
    guidelines=(
        "Read the text first, then the summary.\n\n"
        "- A claim that is true but not in the text counts as **not in the text**.\n"
        "- Style does not count."
    ),
    choices=(
        LabelChoice(1, "nothing of it is in the text", 0.0),
        LabelChoice(2, "most claims are not in the text", 0.25),
        LabelChoice(3, "some claims are not in the text", 0.5),
        LabelChoice(4, "one detail is off", 0.75),
        LabelChoice(5, "every claim is in the text", 1.0),
    ),
)
PAIR = Form("preference", "Better explanation", criteria="Right first, then short.", choices=PREFERENCES)
PROGRAMS = Form(
    "scale",
    "Does the program do what is asked?",
    criteria="The program runs and returns what is asked, for the empty list too.",
    choices=(LabelChoice(1, "no", 0.0), LabelChoice(2, "yes", 1.0)),
)
FORMS = {form.kind: form for form in (SCALE, PAIR)}

BRIDGE = (
    "Sum up in one sentence:\n\nThe harbour bridge was opened in 1932 after eight years of work. It carries eight "
    "lanes of traffic, two railway tracks and a footpath, and 160,000 vehicles cross it on a usual day. It is painted "
    "grey because that was the only paint there was enough of."
)
SUMMARIES = (
    "The harbour bridge, opened in 1932 after eight years of work, carries eight lanes, two tracks and a footpath, and "
    "is grey because no other paint was there in such amounts.",
    "The bridge was opened in 1923 and is crossed by 160,000 vehicles a day.",
    "A bridge is a structure that carries a road over an obstacle.",
)
SUM = "Write `total(prices)`, which adds the prices of a list, and 0 for none."
PROGRAM = (
    "Here is the function:\n\n```python\ndef total(prices):\n    result = prices[0]\n    for price in prices[1:]:\n"
    "        result += price  # <b>not bold</b>\n    return result\n```\n\nIt works because:\n\n| step | result |\n"
    "|------|--------|\n| 1    | 3      |\n| 2    | 7      |\n\n## Note\nCall it with **at least** one price."
)
SKY = "Why is the sky blue? For a child of eight."
LONG_ONE = (
    "Sunlight is made of all the colours of the rainbow. When it comes into our air, it bumps into tiny bits that are "
    "far too small to see. Blue light bumps and bounces much more than red light does, so it comes to your eyes from "
    "everywhere in the sky."
)
SHORT_ONE = "Because the sea is blue and the sky is like a mirror for it."
ARABIC = "الجسر افتُتح سنة 1932، ويعبره كل يوم 160,000 مركبة عبر ثمانية مسارات."
VERSIONS = ("secret-candidate", "secret-baseline")


def items_of(batch_id: str, asked: str, answers: Sequence[Sequence[str]], wanted: int = 1) -> list[Item]:
    """An item for each entry of `answers`, which holds one answer or the two of a pair."""
    return [
        Item(
            id=f"{batch_id}-{number:05d}",
            batch_id=batch_id,
            case_id=f"case-{number}",
            messages=({"role": "user", "content": asked},),
            answers=tuple(
                Answer(text, name, f"fingerprint-{name}") for text, name in zip(each, VERSIONS, strict=False)
            ),
            wanted=wanted,
            position=number,
            probability=0.12345,
            judge_score=0.77123,
        )
        for number, each in enumerate(answers)
    ]


def add(store: Store, form: Form, items: list[Item], evaluation_id: str = "evaluation/test_answers") -> None:
    """Add a batch."""
    batch = Batch(items[0].batch_id, time.time(), evaluation_id, form, run_id="secret-run")
    store.review.add_batch(batch, items)


def fill(store: Store, most: int = 24) -> None:
    """Batches as the guide shows them, with so many items at most."""
    summaries = [[text] for text in (*SUMMARIES, ARABIC)] * 6
    few = min(4, most)
    add(store, SCALE, items_of("b-scale", BRIDGE, summaries[:most], wanted=2), "evaluation/test_summaries")
    add(store, PAIR, items_of("b-pair", SKY, [[LONG_ONE, SHORT_ONE]] * few), "evaluation/test_preferred")
    add(store, PROGRAMS, items_of("b-programs", SUM, [[PROGRAM]] * few), "evaluation/test_programs")
