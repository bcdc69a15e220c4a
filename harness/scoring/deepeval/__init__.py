"""deepeval's metrics in a body, on any version as their model; deepeval is imported when one is used."""

from harness.scoring.deepeval.measuring import check_metric, measure

__all__ = ["check_metric", "measure"]
