"""One window of requests in flight for all evaluations of a session, and the model as a test body sees it."""

from harness.sampling.asked import Source
from harness.sampling.bridge import call_body
from harness.sampling.model import Model
from harness.sampling.sampler import Sampler, SampleStore
from harness.sampling.spending import Spending
from harness.sampling.trace import Trace

__all__ = ["Model", "SampleStore", "Sampler", "Source", "Spending", "Trace", "call_body"]
