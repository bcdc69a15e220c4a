"""The operations that a run has spent, in words."""

from __future__ import annotations

from harness.records import Usage
from harness.reporting.shared.text import printable

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def flops_in_words(usage: Usage) -> list[str]:
    """The operations that each version spent in this run, a text each; of those for which they are known.

    >>> flops_in_words(Usage(flops={"smollm2": 1.234e13, "served": None}))
    ['12.3 TFLOP by smollm2']
    """
    known = {name: spent for name, spent in usage.flops.items() if spent}
    return [f"{operations(spent)} by {printable(name, 40)}" for name, spent in known.items()]


def operations(spent: float) -> str:
    """A number of operations with three digits.

    >>> operations(2.5e9), operations(999.4e12), operations(3e22)
    ('2.5 GFLOP', '999 TFLOP', '3e+04 EFLOP')
    """
    place = 0
    while spent >= 1000 and place < len(_PREFIXES) - 1:
        spent, place = spent / 1000, place + 1
    return f"{spent:.3g} {_PREFIXES[place]}FLOP"
