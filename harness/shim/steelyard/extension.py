"""`harness.extension` by the name that is installed: the same module."""

import sys
from typing import TYPE_CHECKING

from harness import extension

if TYPE_CHECKING:
    from harness.extension import *  # noqa: F403

sys.modules[__name__] = extension
