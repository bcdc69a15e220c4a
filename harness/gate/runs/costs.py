"""What a run costs: the prices of the versions that it asks, and the operations of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.config import Settings
from harness.errors import SettingsError, UsageError
from harness.models.version import Version, tells_cost
from harness.requests.spending import TokensSpent


def check_prices(settings: Settings, names: Iterable[str]) -> None:
    """Refuse a version that would be asked at a price that is not known, where cost is bounded.

    Raises:
        SettingsError: saying what to write.
    """
    if settings.max_cost is None:
        return
    for name in names:
        version = None if name in settings.home(name).corpora else settings.version(name)
        if version is not None and version.price is None and not tells_cost(version):
            raise SettingsError(
                f"--max-cost needs the price of every version that is asked, and {name!r} has none. Write price = "
                f"{{ input = 0.15, output = 0.60 }}, what a million tokens cost, in {settings.table(name)}; "
                "{ input = 0, output = 0 } for one that costs nothing."
            )


def flops_spent(versions: Iterable[Version], spent: Mapping[str, TokensSpent], root: Path) -> dict[str, float | None]:
    """The operations of each version's forward passes in this run; None where they can't be told.

    They are causal, of the shapes of its tensors, every token read and written counted once; the head for each token
    written or weighed, and for the last of a prompt. They can't be told without weights, or where answers do not tell
    their tokens.

    Args:
        spent: what was counted, by the name of the version; nothing for one that was not asked.
        root: folder that relative paths of weights start from.
    """
    asked = {version.name: version for version in versions if version.name in spent}
    return {name: _flops(version, spent[name], root) for name, version in asked.items()}


def _flops(version: Version, tokens: TokensSpent, root: Path) -> float | None:
    options = version.settings.engine_options
    if not tokens.is_counted or "weights" not in options:
        return 0.0 if tokens.is_counted and not tokens.passes else None
    from harness.models.description.description import describe_weights

    try:
        architecture = describe_weights(options, root).in_engine.architecture
    except (UsageError, OSError):
        return None  # weights that are gone by now, or of a kind that can't be described
    flops_of = architecture.flops_of
    passes = tokens.passes.items()
    return float(sum(n * flops_of(each.n_tokens, each.before, n_predicting=each.n_predicting) for each, n in passes))
