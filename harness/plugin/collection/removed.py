"""Tells evaluations that were removed from those that a session merely does not have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import pytest


def gone_of(
    config: pytest.Config, root: Path, collected: Iterable[str], found: Collection[str]
) -> Callable[[str], bool]:
    """Gives what tells whether an evaluation that is known by its id is gone from the suite: pytest looked where it was
    and did not find it. Nothing is said where a part of the suite was chosen, nor of a file that pytest passed over.

    Args:
        root: the folder of the project, from which ids are.
        collected: the ids of all evaluations that were found.
        found: pytest's ids of files and folders that were collected; none where some of the evaluations were left out.
    """
    own = frozenset(collected)
    files = {Path(config.rootpath, each).resolve() for each in found}
    narrowed = not files or any(config.getoption(name, None) for name in ("lf", "ignore", "ignore_glob"))
    folder = config.invocation_params.dir
    places = [] if narrowed else [(folder / place).resolve() for place in config.args if "::" not in place]

    def is_gone(identity: str) -> bool:
        name, separator, _ = identity.partition("::")
        file = Path(root, name).resolve()
        if identity in own or not separator or file.suffix != ".py" or (file.exists() and file not in files):
            return False
        return any(file.is_relative_to(place) for place in places)

    return is_gone
