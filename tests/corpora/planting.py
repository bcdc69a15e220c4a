"""What is planted: a document, and what an evaluation is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

OPEN = "CC0-1.0"
"""The licence of generated documents, as SPDX writes it."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A document, and what is told of it.

    Attributes:
        id: of the document, by which the truth names it.
        text: or, where `is_html`, a page.
        url: None for a document that has none.
        file: the file of cases under evals/data that tells of it, without suffix; empty for none.
        told: what that file says beside the id.
    """

    id: str
    text: str
    is_html: bool = False
    url: str | None = ""
    licence: str = OPEN
    source: str = "generated"
    file: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """The line of the document in the source of a corpus."""
        address = f"https://www.{self.id.split('-')[0]}.example/{self.id}" if self.url == "" else self.url
        content = {"html": self.text} if self.is_html else {"text": self.text}
        rest = {"licence": self.licence, "source": self.source}
        return {"id": self.id, **content, **({} if address is None else {"url": address}), **rest}

    @property
    def case(self) -> dict[str, Any]:
        """The line of the document in its file of cases."""
        return {"id": self.id, **self.told}


Maker = Callable[[Random], str]


def removed(step: str, reason: str, make: Maker, seed: str, count: int, name: str = "") -> Iterator[Planted]:
    """Documents that a step must remove, for a reason of its own; ids hold the reason, or the name in its place."""
    planted = name or reason
    for number in range(count):
        document = f"{step}-{planted}-{number:03}"
        told = {"planted": planted, "reason": reason}
        yield Planted(document, make(Random(f"{seed}:{document}")), file=f"{step}/planted", told=told)


def spared(step: str, rule: str, make: Maker, seed: str, count: int) -> Iterator[Planted]:
    """Documents that come near a rule of a step, and that the step must leave."""
    for number in range(count):
        name = f"{step}-near_{rule}-{number:03}"
        yield Planted(name, make(Random(f"{seed}:{name}")), file=f"{step}/spared", told={"near": rule})


def both(step: str, rules: Mapping[str, tuple[Maker, Maker]], seed: str, counts: tuple[int, int]) -> Iterable[Planted]:
    """For each rule of a step documents that break it and documents that come near."""
    for rule, (breaks, nears) in rules.items():
        yield from removed(step, rule, breaks, seed, counts[0])
        yield from spared(step, rule, nears, seed, counts[1])
