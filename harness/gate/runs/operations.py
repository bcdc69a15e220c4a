"""The operations that a run has spent, by version: what its tokens cost the model, whatever the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.models.version import Version
from harness.requests.spending import TokensSpent


def flops_spent(versions: Iterable[Version], spent: Mapping[str, TokensSpent], root: Path) -> dict[str, float | None]:
    """The operations of each version's forward passes in this run; None where they can't be told.

    They are causal, of the shapes of its tensors, every token read and written counted once; the head for each token
    written or weighed, and for the last of a prompt. A version without weights of its own has none that anybody could
    count, and one whose answers do not tell their tokens neither.

    Args:
        spent: what was counted, by the name of the version; nothing for one that was not asked.
        root: folder that relative paths of weights start from.
    """
    found: dict[str, float | None] = {}
    for version in versions:
        tokens = spent.get(version.name)
        if tokens is None or version.name in found:
            continue
        found[version.name] = 0.0 if not tokens.passes and tokens.is_counted else _flops(version, tokens, root)
    return found


def _flops(version: Version, tokens: TokensSpent, root: Path) -> float | None:
    from harness.models.description.description import describe_weights

    options = version.settings.engine_options
    if "weights" not in options or not tokens.is_counted:
        return None
    try:
        architecture = describe_weights(options, root).in_engine.architecture
    except (UsageError, OSError):
        return None  # weights that are gone by now, or of a kind that can't be described
    return float(
        sum(
            times * architecture.flops_of(each.n_tokens, each.before, n_predicting=each.n_predicting)
            for each, times in tokens.passes.items()
        )
    )
