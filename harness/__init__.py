"""Steelyard: the behaviour of a language model as test cases.

`harness` is the engine. What a test body needs is here; everything heavy is imported where it is used.
"""

from harness.records import Measure, Score

__all__ = ["Measure", "Score"]
__version__ = "0.1.0"
