"""Files that Python code names: in texts, in paths that it puts together, and where it opens them."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config.repository.path_expressions import LISTING, PathExpressions

_METHODS = ("read_text", "read_bytes", "open", *LISTING)
_FUNCTIONS = ("open", "io.open", "os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob", "runpy.run_path")
_READERS = (
    *("read_csv", "read_excel", "read_feather", "read_fwf", "read_hdf", "read_html", "read_ipc", "read_json"),
    *("read_jsonl", "omegaconf.OmegaConf.load"),
    *("read_ndjson", "read_orc", "read_parquet", "read_pickle", "read_table", "read_xml", "scan_csv", "scan_ipc"),
    *("scan_ndjson", "scan_parquet", "ParquetFile", "ParquetDataset", "load_dataset", "load_from_disk", "loadtxt"),
    *("genfromtxt", "fromfile", "memmap", "imread", "load_workbook", "PdfReader", "ZipFile", "FileSystemLoader"),
    *("getline", "getlines", "FileInput", "copyfile", "copy2", "copytree", "spec_from_file_location", "CDLL"),
    *("np.load", "numpy.load", "torch.load", "joblib.load", "shutil.copy", "sqlite3.connect", "fileinput.input"),
    *("read_index", "LoadLibrary", "SourceFileLoader"),
)
"""Of libraries: each reads a file, or a folder, that one of its arguments names."""
_LOADER = re.compile(r"(?!Data)\w+Loader|\w+DirectoryReader")
"""Classes of LangChain, LlamaIndex and the like that do."""
_NAMING = (
    "data_dir",
    "data_files",
    "database",
    "file",
    "filename",
    "filepath",
    "filepath_or_buffer",
    "fname",
    "io",
    "location",
    "path",
    "source",
    "src",
)
"""Arguments that name a file where they are given by their names."""
_STREAMS = ("BytesIO", "StringIO")
_UNTOLD = re.compile(
    r"exec|eval|os\.(system|popen|startfile|exec\w+|(posix_)?spawn\w*)|pty\.spawn|runpy\.run_module|pkgutil\.get_data"
    r"|importlib\.resources\.\w+|(.*\.)?(create_subprocess_\w+|subprocess_(exec|shell)|run_process|open_process)"
    r"|importlib\.metadata\.entry_points|(.*\.)?(PackageLoader|Flask|Quart)"
)
"""Runs other code or starts a program, or reads what lies in a package."""
_UNTOLD_MODULES = ("subprocess", "pexpect", "pkg_resources", "importlib_resources", "stevedore", "hydra")
_IMPORTING = (
    *("__import__", "importlib.import_module", "import_module", "pytest.importorskip", "importorskip"),
    *("pydoc.locate", "pkgutil.resolve_name", "import_string", "load_module"),
)
_TEXT_METHODS = (
    *("split", "rsplit", "strip", "lstrip", "rstrip", "partition", "rpartition", "replace", "join"),
    *("removeprefix", "removesuffix", "startswith", "endswith"),
)
_SEARCHED = ("sys.path.insert", "sys.path.append", "sys.path.extend", "site.addsitedir")
_OPENING = tuple(f"{module}open" for module in ("", "io.", "codecs.", "gzip.", "bz2.", "lzma.", "aiofiles."))
_WRITING = re.compile(r"[wax][bt]?")
"""Modes in which nothing of a file is read."""
_HANDLERS = re.compile(r"logging\.(basicConfig|(handlers\.)?\w*FileHandler)")
_MAKING = ("write_text", "write_bytes", "mkdir", "touch")
_JOINING = ("Path", "pathlib.Path", "os.path.join", "str")
_WILD = re.compile(r"[*?\[]")
_TEMPORARY = ("tmp_path", "tmpdir", "tmp_path_factory", "tmpdir_factory")
_LONGEST = 300


@dataclass(slots=True)
class NamedFiles:
    """The files and modules that code names.

    Attributes:
        texts: that may be the paths of files, each with its first line.
        paths: that it puts together or opens, absolute or relative, each with its first line.
        modules: that it imports by their names as texts.
        searched: where it has modules looked for; None where that can't be told.
        untold: where it reads something by a name that can't be told, the first place; "" where it does not.
    """

    texts: dict[str, int] = field(default_factory=dict)
    paths: dict[Path, int] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    searched: list[tuple[Path, ...] | None] = field(default_factory=list)
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
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    reading = [node for outer in nodes for node in ast.walk(outer)]
    written = {part for node in reading if isinstance(node, ast.Call) for part in _written(node, paths)}
    for node in (each for each in reading if each not in written):
        match node:
            case ast.Constant(value=str(text)) if 0 < len(text) <= _LONGEST and text.isprintable():
                found.texts.setdefault(text, node.lineno)
            case ast.BinOp(op=ast.Div()):
                _keep(found, paths.of(node), node)
            case ast.Call():
                _look_at_call(found, paths, node)
            case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()) if node not in called:
                _look_at_function(found, paths, node)
            case ast.Import() | ast.ImportFrom():
                _look_at_import(found, node)
            case ast.Assign(targets=[target, *_], value=value) | ast.AugAssign(target=target, value=value):
                _look_at_assignment(found, paths, target, value)
    return found


def _written(call: ast.Call, paths: PathExpressions) -> Iterator[ast.AST]:
    """Yield a call that makes or writes a file and reads nothing of it, with the parts of its name in the code."""
    name, file = paths.name_of(call.func), None
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in _OPENING and _is_for_writing(call.args[1:2] or [given.get("mode")]):
        file = call.args[0] if call.args else given.get("file")
    elif _HANDLERS.fullmatch(name) and None not in given:
        file = given.get("filename") or next(iter(call.args), None)
    elif name in ("os.mkdir", "os.makedirs"):
        file = next(iter(call.args), None)
    elif isinstance(call.func, ast.Attribute) and not paths.is_code(call.func):
        is_opened = call.func.attr == "open" and _is_for_writing(call.args[:1] or [given.get("mode")])
        file = call.func.value if is_opened or call.func.attr in _MAKING else None
    if file is not None:
        yield call
        yield from _parts_of_name(file, paths)


def _is_for_writing(mode: Sequence[ast.expr | None]) -> bool:
    return isinstance(mode[0], ast.Constant) and _WRITING.fullmatch(str(mode[0].value)) is not None


def _parts_of_name(node: ast.expr, paths: PathExpressions) -> Iterator[ast.AST]:
    """Yield an expression that a path is put together by, and those in it; not what other functions are given."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            parts = [left, right]
        case ast.JoinedStr(values=parts):
            pass
        case ast.Call(func=ast.Attribute(value=inner, attr="joinpath" | "with_name" | "with_suffix"), args=args):
            parts = [inner, *args]
        case ast.Call(args=parts) if paths.name_of(node.func) in _JOINING:
            pass
        case ast.Constant() | ast.Name():
            parts = []
        case _:
            return
    yield node
    for part in parts:
        yield from _parts_of_name(part, paths)


def _look_at_function(found: NamedFiles, paths: PathExpressions, node: ast.Name | ast.Attribute) -> None:
    """Look at a function that is handed on, to be called elsewhere."""
    name = paths.name_of(node)
    if name in (*_FUNCTIONS, *_IMPORTING) or _UNTOLD.fullmatch(name):
        _not_told(found, node, name)
    elif isinstance(node, ast.Attribute) and node.attr in ("read_text", "read_bytes"):
        place = paths.of(node.value)
        if place is None and not _is_temporary(node.value):
            _not_told(found, node, name)
        _keep(found, place, node)


def _look_at_import(found: NamedFiles, node: ast.Import | ast.ImportFrom) -> None:
    names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    level = node.level if isinstance(node, ast.ImportFrom) else 0
    started = [name for name in names if name.partition(".")[0] in _UNTOLD_MODULES and not level]
    if started:
        found.untold = found.untold or f"line {node.lineno}: {started[0]}"


def _look_at_assignment(found: NamedFiles, paths: PathExpressions, target: ast.expr, value: ast.expr) -> None:
    if paths.name_of(target.value if isinstance(target, ast.Subscript) else target) == "sys.path":
        found.searched.append(paths.whole(value))


def _look_at_call(found: NamedFiles, paths: PathExpressions, call: ast.Call) -> None:
    name = paths.name_of(call.func)
    if name in _IMPORTING or _last(call, name) in _IMPORTING:
        module = _imported(call)
        if module is None:
            _not_told(found, call, name or _last(call, name))
        else:
            found.modules.add(module)
        return
    if _last(call, name) == "find_spec" and _imported(call) is None:
        _not_told(found, call, name or _last(call, name))
    if name in _SEARCHED:
        found.searched.append(paths.whole(call.args[-1]) if call.args else None)
        return
    if _UNTOLD.fullmatch(name or _last(call, name)) or name.partition(".")[0] in _UNTOLD_MODULES:
        _not_told(found, call, name)
    opened = _opened(call, name or _last(call, name), paths)
    for each in opened:
        place = paths.of(each)
        if place is None and not _is_temporary(each):
            _not_told(found, call, name)
        _keep(found, tuple(map(_before_wildcards, place or ())), call)
    if not opened and paths.of(call) is None and _last(call, name) not in (*_TEXT_METHODS, "print"):
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):  # read by whom it is given to
            if not isinstance(argument, ast.Constant) or argument.value in (".", "..", "./", "../"):
                _keep(found, tuple(each for each in paths.of(argument) or () if each != Path("/")), call)


def _last(call: ast.Call, name: str) -> str:
    """The last part of the name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else name.rpartition(".")[2]


def _imported(call: ast.Call) -> str | None:
    """The module that a call imports, as `import` names it, or with dots before it; None where that can't be told."""
    match call.args:
        case [ast.Constant(value=str(module)), *others]:
            pass
        case _:
            return None
    package = next((each.value for each in call.keywords if each.arg == "package"), others[0] if others else None)
    if not module.startswith("."):
        return module
    if isinstance(package, ast.Constant) and isinstance(package.value, str):
        try:
            return importlib.util.resolve_name(module, package.value)
        except ImportError:  # more dots than the package has names
            return None
    return module if isinstance(package, ast.Name) and package.id in ("__name__", "__package__") else None


def _before_wildcards(path: Path) -> Path:
    """The folder that holds all that a pattern may match; a path without wildcards itself."""
    wild = next((place for place, part in enumerate(path.parts) if _WILD.search(part)), None)
    return path if wild is None else Path(*path.parts[:wild])


def _opened(call: ast.Call, name: str, paths: PathExpressions) -> list[ast.expr]:
    """Give the expressions that tell which files or folders a call reads; none for a call that reads none."""
    is_member = isinstance(call.func, ast.Name) and name.rpartition(".")[2] in ("open", *_METHODS)
    if name in _FUNCTIONS or is_member or (name.endswith(".open") and paths.is_code(call.func)):
        given = [each.value for each in call.keywords if each.arg in (None, "root_dir", "top", "pathname", *_NAMING)]
        return [*call.args[:1], *given] or [ast.Constant(".")]
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        return [call.func.value]
    if _last(call, name) == "read" and isinstance(call.func, ast.Attribute):  # as of settings
        return [each for each in call.args[:1] if not isinstance(each, ast.Constant)]
    if name in ("Path", "pathlib.Path"):
        return [call] if call.args else []
    if name.endswith((".rate", ".prefer")):
        return [keyword.value for keyword in call.keywords if keyword.arg == "rubric"]
    if name in _READERS or _last(call, name) in _READERS or _LOADER.fullmatch(_last(call, name)):
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
