"""Estimates of means, rates and differences, with their intervals and tests."""
