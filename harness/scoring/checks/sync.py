"""The checks with the types that they have in a `def` body, where all give their results directly.

They are the checks of `harness.scoring.checks`, each the same function. Those that are awaited in an `async def` body
have other types here, and no other behaviour: `from harness import sync_checks as checks`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast

from harness.scoring import checks
from harness.scoring.checks.plain import *  # noqa: F403  the same types in every body

if TYPE_CHECKING:
    from harness.records import Case, Score
    from harness.requests.sync_model import SyncModel
    from harness.scoring.checks.choices import Choice, Prompt

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class _SyncChoose(Protocol):
    """`choose` of a `def` body's model."""

    def __call__(
        self,
        model: SyncModel,
        prompt: Prompt,
        choices: Sequence[str],
        *,
        length_normalised: bool = True,
        separator: str = " ",
    ) -> Choice: ...


class _MultipleChoice(Protocol):
    """`multiple_choice` of a `def` body's model."""

    def __call__(
        self, model: SyncModel, case: Case, *, length_normalised: bool = True, separator: str = " "
    ) -> Score: ...


def _direct(check: Callable[_Given, Awaitable[_Result]]) -> Callable[_Given, _Result]:
    """The same check, typed as a `def` body sees it."""
    return cast("Callable[_Given, _Result]", check)


runs = _direct(checks.runs)
choose = cast(_SyncChoose, cast(Any, checks.choose))
multiple_choice = cast(_MultipleChoice, cast(Any, checks.multiple_choice))
