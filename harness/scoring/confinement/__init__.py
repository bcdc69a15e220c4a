"""Runs a program that a model wrote, and its tests, each in a process of its own with walls around it."""

from harness.scoring.confinement.process import ConfinedRun
from harness.scoring.confinement.sandboxes import ProgramLimits

__all__ = ["ConfinedRun", "ProgramLimits"]
