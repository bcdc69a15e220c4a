"""Checks for the bodies of evaluations: each gives a score with its reason, in one line.

    return checks.contains(await model.ask(case.prompt), case.expected)

A check that can't work raises `CheckError` and is never a 0. Those that have to be waited for (`runs`, `choose`,
`multiple_choice`) are awaited in an `async def` body, and so the types say. In a `def` body they give their
result directly.

What another distribution declares under `steelyard.checks` is here too, by its name. A check is imported by the first
who asks for it. Checkers of types know Steelyard's own alone, so that a misspelt one is an error; where types are
checked, another distribution's check is imported from its module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness import entry_points
from harness.errors import nearest
from harness.scoring.registered import registered

if TYPE_CHECKING:
    from harness.scoring.checks.choices import choose as choose
    from harness.scoring.checks.choices import multiple_choice as multiple_choice
    from harness.scoring.checks.execution import runs as runs
    from harness.scoring.checks.numbers import numeric as numeric
    from harness.scoring.checks.overlap import bleu as bleu
    from harness.scoring.checks.overlap import chrf as chrf
    from harness.scoring.checks.overlap import rouge as rouge
    from harness.scoring.checks.overlap import token_f1 as token_f1
    from harness.scoring.checks.ranking import average_precision as average_precision
    from harness.scoring.checks.ranking import ndcg_at as ndcg_at
    from harness.scoring.checks.ranking import precision_at as precision_at
    from harness.scoring.checks.ranking import recall_at as recall_at
    from harness.scoring.checks.ranking import reciprocal_rank as reciprocal_rank
    from harness.scoring.checks.structure import calls as calls
    from harness.scoring.checks.structure import follows_schema as follows_schema
    from harness.scoring.checks.text import contains as contains
    from harness.scoring.checks.text import exact as exact
    from harness.scoring.checks.text import matches as matches
    from harness.scoring.checks.text import normalise as normalise
    from harness.scoring.checks.text import normalised as normalised
else:

    def __getattr__(name: str) -> Any:
        """The check that a distribution declares under this name.

        Raises:
            AttributeError: there is none; the message lists those that there are.
            CheckError: two distributions declare it, or it can't be imported; or Steelyard's own are not declared.
        """
        known = entry_points.names("checks")
        is_stale = not any(point.is_own for point in entry_points.of_group("checks"))
        if name.startswith("_") or (name not in known and not is_stale):
            every = entry_points.listed("checks")
            raise AttributeError(f"There is no check named {name!r}. {every}{nearest(name, known)}")
        check = globals()[name] = registered(name)
        return check


def __dir__() -> list[str]:
    """List what is here, the checks of other distributions too."""
    return sorted({*globals(), *entry_points.names("checks")})
