"""Finds a step by its name, and makes one of a function of the project.

`steps = ["filters:short"]` is `short` of filters.py at its root.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import inspect
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness import entry_points
from harness.config import Settings
from harness.config.typed import Table
from harness.errors import CorpusError, EntryPointError, SettingsError, nearest, shortened
from harness.stages.data.outcomes import CorpusDocument
from harness.stages.data.steps.step import URL, StepSpec

if TYPE_CHECKING:
    from datatrove.data import Document


@dataclass(frozen=True, slots=True)
class Remove:
    """A step's result that removes a document, for a reason such as "too_old", by which removals are counted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Keep:
    """A step's result that keeps a document with another text."""

    text: str


@dataclass(frozen=True)
class UserStep:
    """A function of the project, "module:function", as a step."""

    target: str
    function: Callable[..., Any]
    options: Mapping[str, Any]

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else why it goes: the reason of `Remove`, or the function's name."""
        metadata = MappingProxyType(document.metadata)
        given = CorpusDocument(document.id, document.text, metadata.get(URL), metadata)
        try:
            answer = self.function(given, **self.options)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code, which may raise anything
            own = error.__traceback__ and (error.__traceback__.tb_next or error.__traceback__)
            trace = "".join(traceback.format_exception(type(error), error, own)).rstrip()
            raise CorpusError(
                f"The step {self.target!r} raises {type(error).__name__} on document {document.id!r}: {error}\n{trace}"
            ) from None
        match answer:
            case None | True:
                return None
            case False:
                return self.target.rpartition(":")[2]
            case Remove(str(reason)) if reason.strip():
                return reason
            case Keep(str(text)):
                document.text = text
                return None
        raise CorpusError(
            f"The step {self.target!r} returns {shortened(answer)} for document {document.id!r}. Return None or True "
            f'to keep it, False or Remove("reason") to remove it, Keep(text="…") to change its text.'
        )


def find_step(name: str, root: Path) -> StepSpec:
    """The declaration of a step: one behind an entry point, or the user's own `"module:function"` under `root`."""
    if ":" in name:
        return _user_step(name, root)
    point = entry_points.find("steps", name)
    spec = entry_points.load(point)
    if not isinstance(spec, StepSpec):
        kind = type(spec).__name__
        raise EntryPointError(f"The step {name!r} of {point.provider} is no StepSpec: {point.target} is {kind}.")
    return spec


def _user_step(target: str, root: Path) -> StepSpec:
    """The declaration of a function of the project as a step; its parameters by keyword are its options."""
    function = _loaded(target, root)
    try:
        signature = inspect.signature(function)
    except ValueError:  # some that are written in C have none
        signature = inspect.signature(lambda _document: None)
    name = target.rpartition(":")[2]
    try:
        signature.bind(None)
        is_called = not inspect.iscoroutinefunction(function)
    except TypeError:
        is_called = False
    if not is_called:
        raise SettingsError(
            f"The step {target!r} is called with a document and its options by keyword, which {name}{signature} does "
            f"not take; write def {name}(document, *, at_least=5), without async."
        )
    named = [one for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY]
    return StepSpec(
        name=target,
        options=make_dataclass("Options", map(_field, named), bases=(Table,), frozen=True, kw_only=True),
        make=partial(UserStep, target, function),
        summary=(inspect.getdoc(function) or "").partition("\n")[0],
        identity=partial(_identity, target),
    )


def _field(parameter: inspect.Parameter) -> tuple[str, Any, Any]:
    """An option, whose meaning is the function's to say."""
    is_needed = parameter.default is parameter.empty
    return parameter.name, Any, field() if is_needed else field(default_factory=lambda: parameter.default)


def _file(target: str, root: Path) -> Path:
    """The file of a step's module."""
    module = target.partition(":")[0]
    path = root.joinpath(*module.split(".")).with_suffix(".py")
    if not module or not path.is_file():
        raise SettingsError(
            f"The step {target!r} is of a module that is not there: {path}. A step of your own is "
            f'"module:function", with the module under {root}.'
        )
    return path


def _loaded(target: str, root: Path) -> Callable[..., Any]:
    """The function behind "module:function"; its module is run under a name of its own, so that it hides no other."""
    path, name = _file(target, root), target.partition(":")[2]
    own = f"_steelyard_step_{hashlib.sha256(bytes(path)).hexdigest()[:16]}"
    loader = importlib.machinery.SourceFileLoader(own, str(path))
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # the module may import its neighbours, now or when it is called
    module = sys.modules[own] = types.ModuleType(own)  # dataclasses look for their module there
    module.__file__ = str(path)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's code, which may raise anything
        raise SettingsError(
            f"The step {target!r} can't be imported: {path} raises {type(error).__name__}: {error}."
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        there = sorted(one for one, value in vars(module).items() if inspect.isfunction(value) and one[0] != "_")
        listed = f"Functions: {', '.join(there)}.{nearest(name, there)}" if there else "It has no function."
        raise SettingsError(f"The step {target!r} is not there: {path} has no function {name!r}. {listed}")
    return function  # type: ignore[no-any-return]


def _identity(target: str, _options: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    """The digest of the code: of the whole package that the module is of, or of all modules beside it."""
    path, (package, *inner) = _file(target, settings.root), target.partition(":")[0].split(".")
    files = (settings.root / package).rglob("*.py") if inner else path.parent.glob("*.py")
    digest = hashlib.sha256()
    for name, source in sorted((file.relative_to(settings.root).as_posix(), file.read_bytes()) for file in files):
        digest.update(f"{name}\0{hashlib.sha256(source).hexdigest()}\0".encode())
    return {"code": digest.hexdigest()}
