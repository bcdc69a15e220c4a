"""Files that Python code names: in texts, in paths that it puts together, and where it opens them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config.repository.path_expressions import LISTING, PathExpressions

_METHODS = ("read_text", "read_bytes", "open", *LISTING)
_FUNCTIONS = ("open", "io.open", "os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob", "runpy.run_path")
_READERS = (
    *("read_csv", "read_excel", "read_feather", "read_fwf", "read_hdf", "read_html", "read_ipc", "read_json"),
    *("read_ndjson", "read_orc", "read_parquet", "read_pickle", "read_table", "read_xml", "scan_csv", "scan_ipc"),
    *("scan_ndjson", "scan_parquet", "ParquetFile", "ParquetDataset", "load_dataset", "load_from_disk", "loadtxt"),
    *("genfromtxt", "fromfile", "memmap", "imread", "load_workbook", "PdfReader", "ZipFile", "FileSystemLoader"),
    *("getline", "getlines", "FileInput", "copyfile", "copy2", "copytree", "spec_from_file_location", "CDLL"),
    *("np.load", "numpy.load", "torch.load", "joblib.load", "shutil.copy", "sqlite3.connect", "fileinput.input"),
)
"""Of libraries: each reads a file, or a folder, that one of its arguments names."""
_NAMING = (
    "data_dir",
    "data_files",
    "database",
    "file",
    "filename",
    "filepath",
    "io",
    "location",
    "path",
    "source",
    "src",
)
"""Arguments that name a file where they are given by their names."""
_STREAMS = ("BytesIO", "StringIO")
_UNTOLD = ("exec", "eval", "os.system", "os.popen", "runpy.run_module")
_UNTOLD_MODULES = ("subprocess",)
_IMPORTING = ("__import__", "importlib.import_module", "import_module", "pytest.importorskip", "importorskip")
_TEMPORARY = ("tmp_path", "tmpdir", "tmp_path_factory", "tmpdir_factory")
_LONGEST = 300


@dataclass(slots=True)
class NamedFiles:
    """The files and modules that code names.

    Attributes:
        texts: that may be the paths of files, each with its first line.
        paths: that it puts together or opens, absolute or relative, each with its first line.
        modules: that it imports by their names as texts.
        untold: where it reads something by a name that can't be told, the first place; "" where it does not.
    """

    texts: dict[str, int] = field(default_factory=dict)
    paths: dict[Path, int] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    untold: str = ""


def named_in(nodes: Iterable[ast.AST], tree: ast.Module, file: Path, values: Mapping[str, Any]) -> NamedFiles:
    """Collect the files and modules that parts of a module name.

    Args:
        nodes: the parts; what is within them is looked at, too.
        tree: the whole module.
        file: its path.
        values: of its names, as far as it was imported.
    """
    found, paths = NamedFiles(), PathExpressions(tree, file, values)
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        match node:
            case ast.Constant(value=str(text)) if 0 < len(text) <= _LONGEST and text.isprintable():
                found.texts.setdefault(text, node.lineno)
            case ast.BinOp(op=ast.Div()):
                _keep(found, paths.of(node), node)
            case ast.Call():
                _look_at_call(found, paths, node)
    return found


def _look_at_call(found: NamedFiles, paths: PathExpressions, call: ast.Call) -> None:
    name = ast.unparse(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else ""
    if name in _IMPORTING:
        match call.args:
            case [ast.Constant(value=str(module)), *_]:
                found.modules.add(module)
            case _:
                _not_told(found, call, name)
        return
    if name in _UNTOLD or name.partition(".")[0] in _UNTOLD_MODULES:
        _not_told(found, call, name)
    opened = _opened(call, name, paths)
    for each in opened:
        place = paths.of(each)
        if place is None and not _is_temporary(each):
            _not_told(found, call, name)
        _keep(found, place, call)
    if opened:
        return
    if not name.startswith("sys.path.") and paths.of(call) is None:  # a path is read by whom it is given to
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            _keep(found, paths.of(argument), call)


def _opened(call: ast.Call, name: str, paths: PathExpressions) -> list[ast.expr]:
    """Give the expressions that tell which files or folders a call reads; none for a call that reads none."""
    if name in _FUNCTIONS or (name.endswith(".open") and paths.is_code(call.func)):
        return call.args[:1]
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        return [call.func.value]
    if name in ("Path", "pathlib.Path"):
        return [call] if call.args else []
    if name.endswith((".rate", ".prefer")):
        return [keyword.value for keyword in call.keywords if keyword.arg == "rubric"]
    if name in _READERS or name.rpartition(".")[2] in _READERS:
        return [each for each in _naming(call) if not isinstance(each, ast.Constant) and not _is_stream(each)]
    return []


def _naming(call: ast.Call) -> list[ast.expr]:
    """The arguments that may name what a function of a library reads."""
    first = call.args[1:2] if ast.unparse(call.func).endswith("spec_from_file_location") else call.args[:1]
    return [*first, *(keyword.value for keyword in call.keywords if keyword.arg in _NAMING)]


def _is_stream(node: ast.expr) -> bool:
    """Tell whether an expression is made of text at hand, and no name of a file."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(_STREAMS)


def _keep(found: NamedFiles, places: tuple[Path, ...] | None, node: ast.expr) -> None:
    for place in places or ():
        found.paths.setdefault(place, node.lineno)


def _not_told(found: NamedFiles, node: ast.expr, name: str) -> None:
    found.untold = found.untold or f"line {node.lineno}: {name}"


def _is_temporary(node: ast.expr) -> bool:
    """Tell whether an expression names a folder that the tests themselves fill."""
    return any(isinstance(each, ast.Name) and each.id in _TEMPORARY for each in ast.walk(node))
