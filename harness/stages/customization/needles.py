"""The fixture `needles`: prompts of a given length that hold facts at a given depth, and a question about these.

The tasks are those of C.-P. Hsieh and others (2024), RULER: What's the Real Context Size of Your Long-Context Language
Models?, arXiv:2404.06654. Facts, questions and the text around them are this project's own, drawn from a seed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, product
from random import Random
from typing import Any

from harness.errors import UsageError, choices
from harness.models.description.description import describe_weights
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import Version
from harness.records import Score
from harness.stages.foundation.weights import own_options
from harness.stages.lineage import StageContext

TASKS = ("single", "keys", "values", "tracing")
ANSWER_TOKENS = 24
"""Room that is kept for an answer."""
_FEWEST = 8
"""Tokens of a sentence, which has 10 words and more."""
_PLACES = (
    *("lighthouse", "bakery", "chapel", "windmill", "harbour", "orchard", "museum", "boathouse"),
    *("theatre", "foundry", "greenhouse", "archive", "brewery", "ferry", "quarry", "library"),
)
_SENTENCE = "{} {} {}, {}."
_WORDS = (
    ("In the morning", "Later that day", "As always", "After lunch", "Towards evening", "Once more"),
    ("a gardener", "the old woman", "a young man", "the neighbour", "the postman", "a child", "the tailor"),
    (
        *("walked slowly along the river", "sat down under the tall trees", "looked out of the narrow window"),
        *("waited for the rain to end", "closed the green door with care", "listened to the wind in the chimney"),
        *("folded the newspaper and sighed", "watered the roses behind the fence", "swept the leaves from the steps"),
    ),
    (
        *("and nobody took any notice", "while the clouds moved on", "and the street was quiet again"),
        *("as if there were no hurry", "and thought of the summer", "while a dog barked far away"),
    ),
)


@dataclass(frozen=True, slots=True)
class Needle:
    """A prompt with facts in it, and what a right answer names.

    Attributes:
        prompt: the text with the facts, and the question: the user's message.
        facts: the sentences that were planted, the one at `depth` first.
        expected: the values that are asked for.
        others: values that were planted beside them.
        tokens: the length that was asked for, the chat's own tokens included.
        depth: where the first fact begins, from 0 (the text's start) to 1 (its end).
    """

    prompt: str
    facts: tuple[str, ...]
    expected: tuple[str, ...]
    others: tuple[str, ...]
    tokens: int
    depth: float

    @property
    def metric(self) -> str:
        """The name of a score at this length: "512 tokens"."""
        return f"{self.tokens} tokens"

    def score(self, answer: str) -> Score:
        """The share of what is expected among the values that the answer names first, as many as are expected.

        >>> needle = Needle("", (), ("4821",), ("1307",), 512, 0.5)
        >>> needle.score("It is 4,821, and not 1307.").value, needle.score("1307 or 4821").value
        (1.0, 0.0)
        """
        numbers = re.findall(r"\d+", re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", answer))
        named = [number for number in dict.fromkeys(numbers) if number in (*self.expected, *self.others)]
        right = set(named[: len(self.expected)]) & set(self.expected)
        return Score(len(right) / len(self.expected), f"{answer!r}, expected {' and '.join(self.expected)}")


class Needles:
    """Plants facts for a version, whose tokenizer counts.

    Attributes:
        version: its name.
        window: tokens that its engine takes, the answer's included.
    """

    def __init__(self, version: Version, tokenizer: VersionTokenizer, window: int) -> None:
        self.version = version.name
        self.window = window
        # What a retriever adds, or a budget cuts, is under test: a length is that of what a user sends.
        self._version = replace(version, enrichment=None)
        self._tokenizer = tokenizer

    @staticmethod
    def cases(
        tasks: Sequence[str] = TASKS, depths: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0), count: int = 4
    ) -> list[Mapping[str, Any]]:
        """Cases of an evaluation: `count` of each task at each depth, with `task`, `depth` and `seed`."""
        return [
            {"id": f"{task}-{round(100 * depth)}-{number}", "task": task, "depth": depth, "seed": number}
            for task, depth, number in product(tasks, depths, range(1, count + 1))
        ]

    def plant(self, task: str, tokens: int, depth: float = 0.5, seed: int = 0) -> Needle:
        """A prompt of at most `tokens` tokens, and less than a sentence below that. The same task, depth and seed give
        the same facts at every length, and text that goes on where the shorter one ends.

        Args:
            task: "single" (one fact), "keys" (others of its kind beside it), "values" (three facts, all asked for) or
                "tracing" (a fact that two others lead to).
            tokens: of the whole chat, as the version's own tokenizer and template have it.
            depth: where the first fact begins, from 0 to 1 of the text, as near as sentences end.
            seed: of facts and text.
        """
        if task not in TASKS:
            raise UsageError(choices("task", str(task), TASKS))
        if not 0 <= depth <= 1:
            raise UsageError(f"depth = {depth!r} is outside [0, 1].")
        if tokens + ANSWER_TOKENS > self.window:
            raise UsageError(
                f"A prompt of {tokens:,} tokens and an answer of {ANSWER_TOKENS} do not fit the window of "
                f"{self.version}, which is {self.window:,}. Ask for {self.window - ANSWER_TOKENS:,} at most, or raise "
                "max_model_len."
            )
        generator = Random(f"{task} {float(depth)} {seed}")
        facts, question, expected, others = _planned(task, generator)
        others_at = [generator.random() for _ in facts[1:]]
        # Sentences of about 15 words, without a number or a place of a fact.
        text = [_SENTENCE.format(*map(generator.choice, _WORDS)) for _ in range(tokens // _FEWEST + 1)]

        def prompt(size: int) -> str:
            parts = text[:size]
            for place, fact in zip(others_at, facts[1:], strict=True):
                parts.insert(round(place * len(parts)), fact)
            starts = [0, *accumulate(len(part) + 1 for part in parts)]
            parts.insert(min(range(len(starts)), key=lambda at: abs(starts[at] - depth * starts[-1])), facts[0])
            # The first fact follows a space as the others do: after a line end, tokenizers split a name otherwise.
            return f"Read this text. {' '.join(parts)}\n\n{question}"

        most = bisect_right(range(len(text) + 1), tokens, key=lambda size: self.count(prompt(size))) - 1
        if most < 0:
            least = f"question and facts alone take {self.count(prompt(0))} of {self.version}"
            raise UsageError(f"tokens = {tokens} leaves no room for a text: {least}. Take more.")
        return Needle(prompt(most), tuple(facts), tuple(expected), tuple(others), tokens, depth)

    def count(self, prompt: str) -> int:
        """The tokens of a prompt as the version's engine gets it: with its template, and its system text."""
        chat = self._tokenizer.chat(self._version.chat(prompt).messages)
        return len(self._tokenizer.encode(chat, special=True, adds=False))


def _planned(task: str, generator: Random) -> tuple[list[str], str, list[str], list[str]]:
    """The facts of a task, the question, what it asks for, and the values beside that."""
    places, numbers = generator.sample(_PLACES, 4), [str(each) for each in generator.sample(range(1000, 9999), 4)]
    facts = [f"The secret number of the {place} is {n}." for place, n in zip(places, numbers, strict=True)]
    if task == "values":
        facts = [f"A secret number of the {places[0]} is {number}." for number in numbers[:3]]
        return facts, f"What are the three secret numbers of the {places[0]}?", numbers[:3], []
    if task == "tracing":
        chain = [f"The {places[n + 1]} has the secret number of the {places[n]}." for n in (0, 1)]
        return [facts[0], *chain, facts[3]], f"What is the secret number of the {places[2]}?", numbers[:1], numbers[3:]
    others = numbers[1:] if task == "keys" else []
    return facts[: 1 + len(others)], f"What is the secret number of the {places[0]}?", numbers[:1], others


def load_needles(version: Version, context: StageContext) -> Needles:
    """The `Needles` of a version, which has weights, and so a tokenizer of its own. Raises as `own_options` does."""
    options = own_options(version, context)
    root = context.settings.root
    return Needles(version, load_tokenizer(options, root), describe_weights(options, root).in_engine.sizes.n_ctx)
