"""Counts the lines of each package, its modules and its dataclasses, beside what it may have: `make lines`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUDGETS = {
    "stages": 8000,
    "models": 6500,
    "gate": 6000,
    "reporting": 4700,
    "statistics": 3200,
    "scoring": 3200,
    "cli": 2200,
    "review": 3600,
    "store": 2400,
    "plugin": 2800,
    "config": 1600,
    "decisions": 1600,
    "requests": 1600,
    "records": 1200,
    "tracking": 700,
    "rest": 1300,
}
WEB = (".js", ".html")


def count(folder: str) -> dict[str, Counter[str]]:
    """Count what each package of a folder has: what lies beside them, and what has no budget, is the rest. Vendored
    files don't count."""
    found: dict[str, Counter[str]] = {}
    for path in (ROOT / folder).rglob("*"):
        if path.suffix not in (".py", *WEB) or "vendor" in path.parts:
            continue
        name = path.relative_to(ROOT / folder).parts[0]
        text = path.read_text(encoding="utf-8")
        tally = found.setdefault(name if name in BUDGETS else "rest", Counter())
        tally["lines"] += text.count("\n")
        tally["web"] += text.count("\n") * (path.suffix in WEB)
        tally["modules"] += path.suffix == ".py"
        tally["dataclasses"] += len(re.findall(r"^ *@dataclass\b", text, re.MULTILINE))
    return found


def main() -> None:
    """Print a row for each package, the sum, and the tests."""
    row = "{:12}{:>9}{:>9}{:>9}{:>9}{:>13}".format
    print(row("harness", "lines", "budget", "of web", "modules", "dataclasses"))
    found = count("harness")
    for name, budget in BUDGETS.items():
        print(row(name, *(f"{n:,}" for n in (found[name]["lines"], budget, *list(found[name].values())[1:]))))
    total = sum(found.values(), Counter())
    print(
        row("sum", *(f"{n:,}" for n in (total["lines"], 50_000, total["web"], total["modules"], total["dataclasses"])))
    )
    print(row("may have", "", "", "", 400, 250))
    print(row("tests", f"{sum(count('tests').values(), Counter())['lines']:,}", f"{55_000:,}", "", "", ""))


if __name__ == "__main__":
    main()
