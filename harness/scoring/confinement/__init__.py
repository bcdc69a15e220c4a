"""Runs a program that a model wrote: a process of its own, with walls around it."""

from harness.scoring.confinement.process import ConfinedRun, Limits

__all__ = ["ConfinedRun", "Limits"]
