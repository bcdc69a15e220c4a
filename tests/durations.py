"""Names the tests that `make check` leaves out because they take long, with their seconds, by which `make test` shares
the files out: `python -m tests.durations JUNIT.xml` writes tests/long.txt, after `make test ARGS=--junitxml=JUNIT.xml`.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LONG = Path(__file__).with_name("long.txt")
LONGEST_S = 0.08


def place(classname: str, name: str) -> str:
    """The node id of a test function, from what JUnit XML calls it, without its parameters."""
    parts = classname.split(".")
    end = next(i for i, part in enumerate(parts) if part.startswith("test_")) + 1
    return "::".join(["/".join(parts[:end]) + ".py", *parts[end:], name.partition("[")[0]])


def main(junit: str) -> None:
    """Write the functions of which one test took longer, with what all their tests took."""
    found: dict[str, list[float]] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        name = place(case.get("classname", ""), case.get("name", ""))
        found.setdefault(name, []).append(float(case.get("time", "0")))
    long = {name: sum(times) for name, times in found.items() if max(times) > LONGEST_S}
    LONG.write_text("".join(f"{name} {long[name]:.2f}\n" for name in sorted(long)), encoding="utf-8")


def seconds() -> dict[str, float]:
    """The seconds of each function that takes long, by its node id."""
    lines = (line.split() for line in LONG.read_text(encoding="utf-8").splitlines())
    return {name: float(took) for name, took in lines}


if __name__ == "__main__":
    main(*sys.argv[1:])
