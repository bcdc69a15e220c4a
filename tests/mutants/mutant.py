"""What a mutant is, whatever the stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one place in the code of the product.

    Attributes:
        path: of the module, from the project's root.
        old, new: the text, which must be there once, and what takes its place.
    """

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A version with one fault.

    Attributes:
        name: of the fault; a version of this name is weighed.
        fault: in words.
        red: the evaluation that must be red, as its function and id: "test_planted[url]".
        settings: the table of the version where a setting is wrong; none where a patch is.
        patch: the change where the code is wrong.
        modules: that are run beside the stage's own.
    """

    name: str
    fault: str
    red: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    patch: Patch | None = None
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a gate said of a version.

    Attributes:
        red: evaluations that failed or regressed, as functions with ids, in order and once each.
        errors: evaluations that ended in an error.
        n_verdicts: how many there were.
        seconds: that the gate took, building included.
    """

    red: tuple[str, ...]
    errors: tuple[str, ...]
    n_verdicts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mutant and what became of it.

    Attributes:
        red_without: evaluations that are red for the version without a fault as well.
    """

    mutant: Mutant
    weighed: Weighed
    red_without: tuple[str, ...] = ()

    @property
    def is_found(self) -> bool:
        """Whether the evaluation that names the fault was red, and is not without it."""
        return self.mutant.red in self.weighed.red and self.mutant.red not in self.red_without

    @property
    def others(self) -> tuple[str, ...]:
        """Other evaluations that were red."""
        return tuple(name for name in self.weighed.red if name != self.mutant.red)
