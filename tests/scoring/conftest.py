"""Hypothesis without deadlines and with the same examples in every run: these tests state facts, not timings."""

from hypothesis import settings

settings.register_profile("steelyard", deadline=None, derandomize=True, database=None)
settings.load_profile("steelyard")
