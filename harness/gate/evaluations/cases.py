"""The cases of an evaluation that are asked for: by a pattern, or as the pairs of blocks that it is measured in."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness.errors import CaseError, choices
from harness.records import Case

if TYPE_CHECKING:
    from harness.stages.inference.blocks.plan import BlockPlan


def select_cases(cases: Sequence[Case], pattern: str) -> tuple[Case, ...]:
    """The cases whose id matches a shell pattern (`per*`)."""
    return tuple(case for case in cases if fnmatch.fnmatchcase(case.id, pattern))


def no_case_matches(pattern: str, ids: Iterable[str]) -> CaseError:
    """The error for a pattern that no case of any evaluation matches."""
    known = sorted(set(ids))
    if len(known) > 50:
        return CaseError(f"--case {pattern!r} matches none of {len(known)} cases, such as {', '.join(known[:5])}.")
    return CaseError(choices("case", pattern, known))


def pairs_of(plan: BlockPlan) -> tuple[Case, ...]:
    """The cases of an evaluation that is measured in blocks: its pairs, which are others where the plan is another."""
    digest = hashlib.blake2b(plan.text.encode(), digest_size=8).hexdigest()
    return tuple(Case({"id": f"pair-{number}", "load": digest}) for number in range(plan.blocks))
