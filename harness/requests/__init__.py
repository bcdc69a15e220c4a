"""One window of requests in flight for all evaluations of a session, and the model as a test body sees it."""

from harness.requests.bridge import call_body
from harness.requests.model import Model, Trace
from harness.requests.pending import SampleSource
from harness.requests.sampler import Sampler, SampleStore
from harness.requests.spending import Spending

__all__ = ["Model", "SampleSource", "SampleStore", "Sampler", "Spending", "Trace", "call_body"]
