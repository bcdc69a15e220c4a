"""A small OpenAI-compatible server on the loopback interface, for tests and benchmarks.

    python -m tests.loopback --port 0 --latency 0.2

prints its base address as its first line. What it answers and which requests it lets fail depends on the request and
on how often the same one came before, never on the clock or the order of arrival.
"""

from tests.loopback.faults import Fault
from tests.loopback.server import Options, Server
from tests.loopback.thread import Loopback

__all__ = ["Fault", "Loopback", "Options", "Server"]
