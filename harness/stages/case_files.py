"""The cases of an evaluation, from a file, a list or a data set."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.files import SAVE_AS, find_file, json_lines, note_id
from harness.errors import CaseError, install
from harness.records import Case

CaseSource = str | Path | Iterable[Mapping[str, Any]]
"""A path of cases, a name of the hub, or the cases themselves, as `cases=` of the marker takes them."""
_Rows = Iterable[tuple[str, Any]]
"""Each after the place that it stands in."""


@dataclass(frozen=True, slots=True)
class FiledCase:
    """A case with the file that it stands in.

    Attributes:
        id: its own; of a folder, after the path of its evaluation, and so unique among all evaluations in it.
        file: relative to the folder; "cases" for those of a list.
        case: as the file has it, with its own id.
    """

    id: str
    file: str
    case: Case


def load_cases(source: Any, folders: Sequence[Path]) -> tuple[Case, ...]:
    """All cases, as `filed_cases` has them, those of a folder with their evaluation before their ids."""
    return tuple(
        each.case if each.id == each.case.id else Case({**each.case.fields, "id": each.id})
        for each in filed_cases(source, folders)
    )


def filed_cases(source: CaseSource, folders: Sequence[Path]) -> tuple[FiledCase, ...]:
    """All cases, in their order, each with its file.

    Args:
        source: path of a .jsonl, .csv or .parquet file, relative to one of `folders`; of a folder, for all cases of
            all evaluations in it; a list of dicts; a `datasets.Dataset`; or the name of a data set on the hub, as
            "owner/name" or "owner/name:split".
        folders: where relative paths are looked for, the first that has the file counts.

    Raises:
        CaseError: no such file, no cases, a line that is no JSON object, an id that is missing or there twice; the
            message names file and line.
    """
    if isinstance(source, str | Path):
        file = str(source)
        # Not by pathlib, for it raises errors for what can't be a path.
        places = [file] if os.path.isabs(file) else [os.path.join(each, file) for each in folders]  # noqa: PTH117, PTH118
        folder = next((Path(place) for place in places if os.path.isdir(place)), None)  # noqa: PTH112
        if folder is not None:
            return _read_folder(folder)
        path = find_file(Path(source), folders, kind="case file", suffixes=tuple(_READERS), error=CaseError)
        rows = _from_hub(file, folders) if path is None else _read(path)
    elif isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise CaseError(f"cases={source!r} is neither a path, a list of dicts nor a datasets.Dataset.")
    else:
        file, rows = "cases", ((f"item {i}", row) for i, row in enumerate(source))
    return tuple(FiledCase(case.id, file, case) for case in _cases(rows, file))


def _read_folder(folder: Path) -> tuple[FiledCase, ...]:
    """All cases of the files named `cases` in a folder, and of the documents that a task of lm-eval asks about.

    Other files are no cases, for people keep what a model is trained on beside them. A document of a task that has no
    id is called by its number.
    """
    cases: list[FiledCase] = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _READERS):
        file, rows = path.relative_to(folder), None
        name = list(file.parent.parts)
        if any(_names(task, path) for task in path.parent.glob("*.yaml")):
            rows = [(place, {"id": number, **row}) for number, (place, row) in enumerate(_read(path), 1)]
            name += [] if path.stem == "cases" else [path.stem]
        elif path.stem == "cases":
            rows = _read(path)
        if rows is not None:
            cases += [FiledCase("/".join([*name, case.id]), file.as_posix(), case) for case in _cases(rows, str(path))]
    if not cases:
        raise CaseError(
            f"{folder} holds no case files: none called cases{', cases'.join(_READERS)}, and no task of lm-eval "
            "(.yaml) that names documents beside it."
        )
    return tuple(cases)


def _names(task: Path, path: Path) -> bool:
    """Tell whether a task of lm-eval, which is not parsed, for its tags, names a file as another split than `train`."""
    text = task.read_text(encoding="utf-8", errors="replace")
    return re.search(rf"^(?!\s*train\s*:).*(?<![\w.-]){re.escape(path.name)}\b", text, re.MULTILINE) is not None


def _read(path: Path) -> list[tuple[str, Any]]:
    if path.suffix not in _READERS:
        own = path.suffix or "a file without suffix"
        raise CaseError(f"{path}: cases are read from {', '.join(_READERS)}, not from {own}.")
    try:
        return list(_READERS[path.suffix](path))
    except UnicodeDecodeError as error:
        raise CaseError(f"{path} is not UTF-8: {error}. {SAVE_AS}") from None
    except OSError as error:
        raise CaseError(f"{path} can't be read: {error.strerror or error}.") from None


def _read_csv(path: Path) -> _Rows:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            names = list(reader.fieldnames or ())
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise CaseError(f"{path}, line {reader.line_num}: the column {twice[0]!r} is there twice; rename one.")
            for row in reader:
                if None in row or None in row.values():
                    raise CaseError(f"{path}, line {reader.line_num}: not as many values as the header has names.")
                yield f"{path}, line {reader.line_num}", row
        except csv.Error as error:
            raise CaseError(f"{path}, line {reader.reader.line_num}: not valid CSV: {error}.") from None


def _read_parquet(path: Path) -> _Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise CaseError(f"{path}: reading .parquet needs pyarrow: {install('datasets')}.") from None
    try:
        table = parquet.read_table(path)
    except ArrowException as error:
        raise CaseError(f"{path} is not valid parquet: {error}.") from None
    return ((f"{path}, row {number}", row) for number, row in enumerate(table.to_pylist()))


_READERS: Mapping[str, Callable[[Path], _Rows]] = {
    ".jsonl": lambda path: json_lines(path, CaseError),
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}


def _from_hub(name: str, folders: Sequence[Path]) -> _Rows:
    path, _, split = name.partition(":")
    if path.count("/") != 1 or path.startswith((".", "/")):
        looked = ", ".join(str(folder) for folder in folders)
        raise CaseError(
            f"There is no case file {name!r}, and it is no data set's name (owner/name). Looked in {looked}."
        )
    try:
        import datasets
    except ImportError:
        raise CaseError(f"Data set {name!r}: loading it needs datasets: {install('datasets')}.") from None
    try:
        rows = datasets.load_dataset(path, split=split or "test")
    except Exception as error:  # noqa: BLE001 - datasets raises whatever its transport raises
        raise CaseError(f"Data set {name!r} can't be loaded: {type(error).__name__}: {error}") from None
    return ((f"{name}, row {number}", row) for number, row in enumerate(rows))


def _cases(rows: _Rows, name: str) -> list[Case]:
    cases: list[Case] = []
    places: dict[str, str] = {}
    for place, row in rows:
        if not isinstance(row, Mapping):
            raise CaseError(f"{place}: a case is an object with an id, not {type(row).__name__} {row!r}.")
        case_id = row.get("id")
        if isinstance(case_id, int) and not isinstance(case_id, bool):
            case_id = str(case_id)
        if not isinstance(case_id, str) or not case_id.strip():
            is_other = "id" in row and not isinstance(case_id, str)
            has = f"the id {case_id!r} is not a text" if is_other else "the case has no id"
            fields = ", ".join(map(str, row))
            raise CaseError(f'{place}: {has}; give it a stable one, such as "id": "peru". It has: {fields}.')
        note_id(case_id, place, places, CaseError)
        cases.append(Case({**row, "id": case_id}))
    if not cases:
        raise CaseError(f"{name} holds no cases.")
    return cases
