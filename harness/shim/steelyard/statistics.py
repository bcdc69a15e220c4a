"""`harness.statistics` by the name that is installed: the same module."""

import sys
from typing import TYPE_CHECKING

from harness import statistics

if TYPE_CHECKING:
    from harness.statistics import *  # noqa: F403

sys.modules[__name__] = statistics
