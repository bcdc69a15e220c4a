"""Faults that are put into what a stage builds, to see which evaluations turn red."""
