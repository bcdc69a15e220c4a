"""Prompts that a teacher did not answer in a build, told once all others have been."""

from __future__ import annotations

from harness.errors import SteelyardError

_NAMED = 100
"""Prompts named of one error: where more fail alike, it is not the prompts."""


class FailedDraws:
    """Collects the prompts that a teacher did not answer, so that one that is refused costs no other its answer.

    Args:
        teacher: the version that is asked.
        n_prompts: that it is asked, in all.
    """

    def __init__(self, teacher: str, n_prompts: int) -> None:
        self._teacher = teacher
        self._n_prompts = n_prompts
        self._found: dict[str, dict[str, None]] = {}

    def add(self, prompt: str, error: SteelyardError) -> None:
        """Note that a prompt of this id was not answered."""
        self._found.setdefault(str(error).rstrip("."), {})[prompt] = None

    def check(self, kind: type[SteelyardError]) -> None:
        """Refuse to go on without their answers.

        Raises:
            SteelyardError: of this kind; names each error once, with the prompts that ended in it.
        """
        if not self._found:
            return
        told = []
        for said, prompts in self._found.items():
            more = f" and {len(prompts) - _NAMED:,} more" if len(prompts) > _NAMED else ""
            told.append(f"{', '.join(map(repr, list(prompts)[:_NAMED]))}{more}: {said}.")
        count = len(set().union(*self._found.values()))
        raise kind(
            f"{self._teacher} gave no answer to {count:,} of {self._n_prompts:,} prompts. {' '.join(told)} What was "
            "drawn is stored: another build asks for these alone. Change or leave out what is refused each time."
        )
