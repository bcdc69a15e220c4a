"""The prices of the versions that a run asks, and what bounds its spending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.config import Settings
from harness.errors import SettingsError
from harness.models.version import Version, tells_cost
from harness.requests import Spending


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


def spending_of(settings: Settings, versions: Mapping[str, Version], elapsed_s: float) -> Spending:
    """Make the counter of a run's spending, which also bounds it.

    Args:
        versions: that may be asked.
        elapsed_s: seconds that the session is old.
    """
    prices = {name: version.settings.price for name, version in versions.items()}
    return Spending(settings.limits, prices, elapsed_s=elapsed_s)
