"""deepeval's metrics in a body, on any version as their model.

deepeval itself is imported when one is used.
"""

from harness.scoring.deepeval.fields import Fields
from harness.scoring.deepeval.measuring import Measured, check_metric, measure, the_judge

__all__ = ["Fields", "Measured", "check_metric", "measure", "the_judge"]
