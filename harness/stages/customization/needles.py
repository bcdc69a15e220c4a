"""The fixture `needles`: prompts of a given length that hold facts at a given depth, and a question about these.

The tasks are those of C.-P. Hsieh and others (2024), RULER: What's the Real Context Size of Your Long-Context Language
Models?, arXiv:2404.06654, and of A. Modarressi and others (2025), NoLiMa: Long-Context Evaluation Beyond Literal
Matching, arXiv:2502.05167. Facts, questions and the text around them are this project's own, drawn from a seed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any

from harness.errors import UsageError, choices
from harness.models.description.description import describe_weights
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import Version
from harness.records import Score
from harness.stages.customization.haystack import MEANINGS, NAMES, PLACES, sentences
from harness.stages.foundation.weights import own_options
from harness.stages.lineage import StageContext

TASKS = ("single", "keys", "values", "tracing", "meaning")
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
ANSWER_TOKENS = 24
"""Room that is kept for an answer."""
_PROMPT = "Read this text. {text}\n\n{question}"
"""The first fact follows a space as the others do: after a line end, tokenizers split a name otherwise."""
_ID = re.compile(rf"({'|'.join(TASKS)})-(\d+)-(\d+)")
_METRIC = re.compile(r"(\d+) tokens")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_OTHERS = 3
_FEWEST = 8
"""Tokens of a generated sentence, which has 10 words and more."""


@dataclass(frozen=True, slots=True)
class Needle:
    """A prompt with facts in it, and what a right answer names.

    Attributes:
        prompt: the text with the facts, and the question: the user's message.
        facts: the sentences that were planted, the one at `depth` first.
        expected: the values that are asked for.
        others: values that were planted beside them.
        tokens: the length that was asked for, the chat's own tokens included.
        depth: where the first fact stands, from 0 (the text's start) to 1 (its end).
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
        plain = _THOUSANDS.sub("", answer)
        places = {value: _find(value, plain) for value in (*self.expected, *self.others)}
        named = sorted((found.start(), value) for value, found in places.items() if found is not None)
        right = {value for _, value in named[: len(self.expected)]} & set(self.expected)
        return Score(len(right) / len(self.expected), f"{answer!r}, expected {' and '.join(self.expected)}")


@dataclass(frozen=True, slots=True)
class _Plan:
    """The facts planted for a question: the first at the depth, each other at a depth of its own."""

    facts: tuple[str, ...]
    depths: tuple[float, ...]
    question: str
    expected: tuple[str, ...]
    others: tuple[str, ...] = ()


class Needles:
    """Plants facts for a version, whose tokenizer counts.

    Args:
        version: that is to be asked.
        tokenizer: the version's own.
        window: tokens that its engine takes, the answer's included.

    Attributes:
        version: its name.
        window: as given.
    """

    def __init__(self, version: Version, tokenizer: VersionTokenizer, window: int) -> None:
        self.version = version.name
        self.window = window
        # What a retriever adds, or a budget cuts, is under test: a length is that of what a user sends.
        self._version = replace(version, enrichment=None)
        self._tokenizer = tokenizer

    @staticmethod
    def cases(
        tasks: Sequence[str] = TASKS, depths: Sequence[float] = DEPTHS, count: int = 4
    ) -> list[Mapping[str, Any]]:
        """Cases of an evaluation: `count` of each task at each depth, with `task`, `depth` and `seed`.

        Raises:
            UsageError: an unknown task, or a depth that is no whole number of hundredths from 0 to 1.
        """
        for task, depth in ((task, depth) for task in tasks for depth in depths):
            _check(task, depth)
        return [
            {"id": f"{task}-{round(100 * depth)}-{number}", "task": task, "depth": depth, "seed": number}
            for task in tasks
            for depth in depths
            for number in range(1, count + 1)
        ]

    def plant(
        self, task: str, tokens: int, depth: float = 0.5, seed: int = 0, haystack: Sequence[str] | None = None
    ) -> Needle:
        """A prompt of at most `tokens` tokens, and less than a sentence below that.

        The same task, depth and seed give the same facts at every length, and text that goes on where the shorter one
        ends.

        Args:
            task: "single" (one fact), "keys" (others of its kind beside it), "values" (three facts, all asked for),
                "tracing" (a fact that two others lead to) or "meaning" (question and fact share no word).
            tokens: of the whole chat, as the version's own tokenizer and template have it.
            depth: of the first fact, from 0 to 1.
            seed: of facts and text.
            haystack: sentences to stand around the facts, in this order; generated ones where left out.

        Raises:
            UsageError: a length beyond the window or too short for the facts; a haystack that is too short; a fact that
                the tokenizer splits otherwise in this text than alone.
        """
        _check(task, depth)
        self._check_length(tokens)
        generator = Random(f"{task} {float(depth)} {seed}")
        plan = _PLANS[task](generator, depth)
        text = list(haystack) if haystack is not None else sentences(generator, tokens // _FEWEST + 1)
        most = self._fitting(plan, text, tokens, is_given=haystack is not None)
        prompt = self._prompt(plan, text[:most])
        for fact in plan.facts:
            self._check_whole(prompt, fact)
        return Needle(prompt, plan.facts, plan.expected, plan.others, tokens, depth)

    def count(self, prompt: str) -> int:
        """The tokens of a prompt as the version's engine gets it: with its template, and its system text."""
        chat = self._tokenizer.chat(self._version.chat(prompt).messages)
        return len(self._tokenizer.encode(chat, special=True, adds=False))

    def _prompt(self, plan: _Plan, text: Sequence[str]) -> str:
        """The text with each fact after the sentences that make up its depth."""
        ends = list(accumulate((len(sentence) for sentence in text), initial=0))
        places = [bisect_right(ends, depth * ends[-1] + 0.5) - 1 for depth in plan.depths]
        parts = [
            [*(fact for fact, at in zip(plan.facts, places, strict=True) if at == place), *text[place : place + 1]]
            for place in range(len(text) + 1)
        ]
        whole = " ".join(sentence for part in parts for sentence in part)
        return _PROMPT.format(text=whole, question=plan.question)

    def _fitting(self, plan: _Plan, text: Sequence[str], tokens: int, *, is_given: bool) -> int:
        """The most sentences of the text with which the prompt is no longer than it may be."""
        if (least := self.count(self._prompt(plan, ()))) > tokens:
            raise UsageError(
                f"tokens = {tokens} leaves no room for a text: question and facts alone take {least} tokens of "
                f"{self.version}. Take more."
            )
        most = bisect_right(range(len(text) + 1), tokens, key=lambda n: self.count(self._prompt(plan, text[:n]))) - 1
        if is_given and most == len(text):
            raise UsageError(f"The haystack of {len(text):,} sentences is shorter than {tokens:,} tokens; give more.")
        return most

    def _check_length(self, tokens: int) -> None:
        if tokens + ANSWER_TOKENS > self.window:
            raise UsageError(
                f"A prompt of {tokens:,} tokens and an answer of {ANSWER_TOKENS} do not fit the window of "
                f"{self.version}, which is {self.window:,}. Ask for {self.window - ANSWER_TOKENS:,} at most, or raise "
                "max_model_len where the weights allow more."
            )

    def _check_whole(self, prompt: str, fact: str) -> None:
        """Refuse a fact that is not split in the prompt as it is alone."""
        there, alone = self._pieces(prompt, fact), self._pieces(f" {fact}", fact)
        if there != alone:
            raise UsageError(
                f"The tokenizer of {self.version} splits the needle {fact!r} otherwise in this text than alone: "
                f"{there} in place of {alone}. What is asked for is not there as the model would read it; put other "
                "sentences around it."
            )

    def _pieces(self, text: str, fact: str) -> list[str]:
        """The tokens of a fact in a text, without the space before it."""
        start = text.index(fact)
        end = start + len(fact)
        spans = [(first, last) for first, last in self._tokenizer.spans(text) if first < end and last > start]
        return [text[first:last].lstrip() if first < start else text[first:last] for first, last in spans]


def _find(value: str, answer: str) -> re.Match[str] | None:
    """Find a value that stands by itself; underscores around it are emphasis."""
    return re.search(rf"(?<![^\W_]){value}(?![^\W_])", answer, re.IGNORECASE)


def _check(task: str, depth: float) -> None:
    if task not in TASKS:
        raise UsageError(choices("task", str(task), TASKS))
    if not 0 <= depth <= 1 or round(100 * depth) != round(100 * depth, 6):
        raise UsageError(f"depth = {depth!r} is not a whole number of hundredths from 0 to 1, such as 0.25.")


def place_of(case_id: str, metric: str) -> tuple[str, float, int] | None:
    """The task, depth and length that a score is of, by the id of its case and the name of its metric.

    >>> place_of("single-25-3", "512 tokens")
    ('single', 0.25, 512)
    """
    case, length = _ID.fullmatch(case_id), _METRIC.fullmatch(metric)
    return None if case is None or length is None else (case[1], int(case[2]) / 100, int(length[1]))


def _numbered(generator: Random, count: int) -> tuple[list[str], list[str]]:
    """Places and numbers, none of them twice."""
    return generator.sample(PLACES, count), [str(number) for number in generator.sample(range(1000, 9999), count)]


def _single(generator: Random, depth: float) -> _Plan:
    return _keys(generator, depth, others=0)


def _keys(generator: Random, depth: float, others: int = _OTHERS) -> _Plan:
    places, numbers = _numbered(generator, others + 1)
    facts = tuple(f"The secret number of the {place} is {n}." for place, n in zip(places, numbers, strict=True))
    depths = (depth, *(generator.random() for _ in range(others)))
    question = f"What is the secret number of the {places[0]}?"
    return _Plan(facts, depths, question, (numbers[0],), tuple(numbers[1:]))


def _values(generator: Random, depth: float) -> _Plan:
    places, numbers = _numbered(generator, 3)
    facts = tuple(f"A secret number of the {places[0]} is {number}." for number in numbers)
    depths = (depth, generator.random(), generator.random())
    return _Plan(facts, depths, f"What are the three secret numbers of the {places[0]}?", tuple(numbers))


def _tracing(generator: Random, depth: float) -> _Plan:
    (first, second, third, other), (number, decoy, *_) = _numbered(generator, 4)
    facts = (
        f"The secret number of the {first} is {number}.",
        f"The {second} has the secret number of the {first}.",
        f"The {third} has the secret number of the {second}.",
        f"The secret number of the {other} is {decoy}.",
    )
    depths = (depth, generator.random(), generator.random(), generator.random())
    return _Plan(facts, depths, f"What is the secret number of the {third}?", (number,), (decoy,))


def _meaning(generator: Random, depth: float) -> _Plan:
    names, meanings = generator.sample(NAMES, 3), generator.sample(MEANINGS, 3)
    facts = tuple(f"{name} {told}." for name, (told, _) in zip(names, meanings, strict=True))
    depths = (depth, generator.random(), generator.random())
    return _Plan(facts, depths, meanings[0][1], (names[0],), tuple(names[1:]))


_PLANS = {"single": _single, "keys": _keys, "values": _values, "tracing": _tracing, "meaning": _meaning}


def load_needles(version: Version, context: StageContext) -> Needles:
    """Load the `Needles` of a version.

    Raises:
        NotInLineageError: it has no weights, and so no tokenizer of its own.
        SettingsError: these can't be read.
    """
    options = own_options(version, context)
    root = context.settings.root
    return Needles(version, load_tokenizer(options, root), describe_weights(options, root).in_engine.sizes.n_ctx)
