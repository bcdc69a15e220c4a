"""deepeval's metrics in a body, on any version as their model.

deepeval itself is imported when one is used.
"""

from harness.scoring.deepeval.measuring import check_metric, measure
from harness.scoring.judging.measures import Fields, MetricResult

__all__ = ["Fields", "MetricResult", "check_metric", "measure"]
