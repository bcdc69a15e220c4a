"""The cases that bodies skipped, and how often, by version."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.decisions import PartlySkippedCases
from harness.records import Role


class Skips:
    """The number of times that each version's bodies skipped a case.

    Args:
        roles: of the versions that the bodies run for.
    """

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = roles
        self._counts: defaultdict[int, Counter[Role]] = defaultdict(Counter)

    def add(self, case: int, role: Role) -> None:
        """Note that a body skipped a case."""
        self._counts[case][role] += 1

    def kept(self, cases: Iterable[int]) -> list[int]:
        """Those of the cases that no body skipped, in their order."""
        return [case for case in cases if case not in self._counts]

    def count(self, cases: Iterable[int]) -> int:
        """The number of cases that were left out."""
        return len(self._counted(cases))

    def partly(self, cases: Iterable[int], n_bodies: int) -> PartlySkippedCases | None:
        """Those of the cases that were left out though some of their bodies, or those of one version, did not skip.

        Args:
            n_bodies: of each case, for each version.
        """
        partly = [skips for skips in self._counted(cases) if any(skips[role] < n_bodies for role in self._roles)]
        if not partly:
            return None
        by_role = {role: sum(skips[role] for skips in partly) for role in self._roles}
        return PartlySkippedCases(len(partly), len(partly) * n_bodies, by_role)

    def _counted(self, cases: Iterable[int]) -> list[Counter[Role]]:
        return [self._counts[case] for case in cases if case in self._counts]
