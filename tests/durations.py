"""Names the tests that `make check` leaves out because they take long: `python -m tests.durations JUNIT.xml` writes
tests/long.txt, after `make test ARGS=--junitxml=JUNIT.xml`.
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
    """Write the functions of which one test took longer."""
    found = {
        place(case.get("classname", ""), case.get("name", ""))
        for case in ElementTree.parse(junit).iter("testcase")
        if float(case.get("time", "0")) > LONGEST_S
    }
    LONG.write_text("".join(f"{each}\n" for each in sorted(found)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
