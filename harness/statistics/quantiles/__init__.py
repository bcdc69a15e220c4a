"""Quantiles of measures, and their differences."""
