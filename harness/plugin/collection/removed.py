"""Tells evaluations that were removed from those that a session merely does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


def gone_of(config: pytest.Config, collected: Iterable[str], n_left_out: int) -> Callable[[str], bool]:
    """Gives what tells whether an evaluation that is known by its id is gone from the suite: pytest looked where it was
    and did not find it. Nothing is said where a part of the suite was chosen.

    Args:
        collected: the ids of all evaluations that were found.
        n_left_out: how many were left out all the same, as by `-k`.
    """
    own = frozenset(collected)
    narrowed = n_left_out or any(config.getoption(name, None) for name in ("lf", "ignore", "ignore_glob"))
    folder = config.invocation_params.dir
    places = [] if narrowed else [(folder / place).resolve() for place in config.args if "::" not in place]

    def is_gone(identity: str) -> bool:
        name, separator, _ = identity.partition("::")
        file = Path(config.rootpath, name).resolve()
        is_module = bool(separator) and file.suffix == ".py"
        return identity not in own and is_module and any(file.is_relative_to(place) for place in places)

    return is_gone
