"""The pages for those who change Steelyard are true: what they name is there."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAP = (ROOT / "harness" / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
PACKAGES = sorted(path.parent for path in (ROOT / "harness").rglob("__init__.py"))
_PATH = re.compile(r"`((?:harness|tests|docs|evals|suites|reports|\.ci|\.github)(?:/[\w./-]+)?)`")


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of harness/README.md, without the two of its head."""
    text = MAP.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


@pytest.mark.parametrize("text", [ARCHITECTURE, MAP, CONTRIBUTING], ids=["architecture", "map", "contributing"])
def test_every_path_that_is_named_is_there(text: str) -> None:
    named = set(_PATH.findall(text))
    assert len(named) >= 8
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_question_is_answered_by_one_path() -> None:
    rows = table("Where is …?")
    assert len(rows) >= 20
    for question, answer in rows:
        assert question.endswith("?")
        assert _PATH.fullmatch(answer), answer
        assert (ROOT / answer.strip("`")).is_file(), answer


def test_every_layer_is_told_in_the_order_of_the_contract() -> None:
    contract = SETTINGS["importlinter"]["contracts"][0]["layers"]
    layers = [name.strip() for line in contract for name in line.split("|") if not line.startswith("(")]
    told = [Path(path).stem for row in table("The layers") for path in _PATH.findall(row[0])]
    assert told == layers


def test_every_room_of_a_gate_is_told() -> None:
    rooms = {path.parent.name for path in (ROOT / "harness" / "gate").glob("*/__init__.py")}
    assert {Path(row[0].strip("`")).name for row in table("The rooms of a gate")} == rooms


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_package_says_in_one_sentence_what_it_is_for(package: Path) -> None:
    """More may follow in a paragraph of its own."""
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert docstring is not None
    first = " ".join(docstring.partition("\n\n")[0].split())
    assert first.endswith(".")
    assert re.search(r"[.!?] ", first) is None, first


def test_the_commands_that_are_told_are_those_of_make() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {*re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`([^`\n]+)`", CONTRIBUTING)))}
    assert {"check", "test", "light", "dist"} <= told
    assert told - targets == set()


def test_the_markers_that_are_told_are_those_of_the_tests() -> None:
    markers = {line.partition(":")[0] for line in SETTINGS["pytest"]["ini_options"]["markers"]}
    assert {marker for marker in markers if f"`{marker}`" in CONTRIBUTING} == markers


def test_a_word_of_the_glossary_has_one_entry_that_says_what_it_means() -> None:
    entries = re.findall(r"^(?:- )?\*\*([^*]+)\*\*: (.+)", GLOSSARY, re.MULTILINE)
    words = [word.casefold() for word, _ in entries]
    assert len(words) >= 60
    assert sorted({word for word in words if words.count(word) > 1}) == []
    # An entry is a paragraph of its own; a bold word that begins none was meant as one.
    assert len(re.findall(r"^(?:- )?\*\*", GLOSSARY, re.MULTILINE)) == len(entries)


def test_the_words_of_the_verdicts_are_in_the_glossary() -> None:
    from harness.records import VerdictKind

    assert [kind for kind in VerdictKind if f"**{kind}**:" not in GLOSSARY] == []


def test_a_public_name_stands_in_the_glossary_once_beside_its_word() -> None:
    import harness
    import harness.extension

    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GLOSSARY, re.MULTILINE)
    words = {word.casefold() for word in re.findall(r"^(?:- )?\*\*([^*]+)\*\*:", GLOSSARY, re.MULTILINE)}
    assert sorted(name for name, _ in rows) == sorted([*harness.__all__, *harness.extension.__all__])
    assert [name for name, word in rows if word.strip() not in words] == []
