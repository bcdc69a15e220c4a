"""Prompts that a teacher did not answer in a build, told once all others have been."""

from __future__ import annotations

from harness.errors import SteelyardError

_NAMED = 100
"""Prompts named of one error: where more fail alike, it is not the prompts."""
_TOLD = 5
"""Errors that are told: where more differ, it is by what each says of its own prompt."""


class FailedDraws:
    """Collects the prompts that a teacher did not answer, so that one that is refused costs no other its answer.

    Args:
        teacher: the version that is asked.
        n_prompts: that it is asked, in all.
        kind: of the error that names them.
    """

    def __init__(self, teacher: str, n_prompts: int, kind: type[SteelyardError]) -> None:
        self._teacher = teacher
        self._n_prompts = n_prompts
        self._kind = kind
        self._found: dict[str, dict[str, None]] = {}
        self.n_answered = 0

    def add(self, prompt: str, error: SteelyardError) -> None:
        """Note that a prompt of this id was not answered.

        Raises:
            SteelyardError: a hundred were not, and none was: it is the request that is refused.
        """
        self._found.setdefault(str(error).rstrip("."), {})[prompt] = None
        if not self.n_answered and sum(map(len, self._found.values())) >= _NAMED:
            self.check()

    def check(self) -> None:
        """Refuse to go on without their answers.

        Raises:
            SteelyardError: names each error once, with the prompts that ended in it.
        """
        if not self._found:
            return
        told = []
        for said, prompts in list(self._found.items())[:_TOLD]:
            more = f" and {len(prompts) - _NAMED:,} more" if len(prompts) > _NAMED else ""
            told.append(f"{', '.join(map(repr, list(prompts)[:_NAMED]))}{more}: {said}.")
        if len(self._found) > _TOLD:
            told.append(f"{len(self._found) - _TOLD:,} other errors.")
        count = len(set().union(*self._found.values()))
        raise self._kind(
            f"{self._teacher} gave no answer to {count:,} of {self._n_prompts:,} prompts. {' '.join(told)} What was "
            "answered is stored, and another build goes on there. Change or leave out what is refused each time."
        )
