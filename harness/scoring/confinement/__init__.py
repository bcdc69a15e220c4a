"""Runs a program that a model wrote: a process of its own, with walls around it."""

from harness.scoring.confinement.limits import Limits
from harness.scoring.confinement.process import ConfinedRun
from harness.scoring.sandbox import sandbox_of_run

__all__ = ["ConfinedRun", "Limits", "sandbox_of_run"]
