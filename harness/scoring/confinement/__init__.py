"""Runs a program that a model wrote, and its tests, each in a confined process of its own.

The threat: the program is wrong, greedy, or made of what the web has on breaking out. It must not reach files, networks
or processes that are not its own, must use no more than its limits and leave nothing behind, and must pass its tests by
nothing but being right. Holes of the kernel and of the processor are no part of it: against those stands a container,
or a machine of its own.
"""

from harness.scoring.confinement.process import ConfinedRun
from harness.scoring.confinement.sandboxes import ProgramLimits

__all__ = ["ConfinedRun", "ProgramLimits"]
