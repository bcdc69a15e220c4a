"""The loop in which bodies run, and what ends it."""
