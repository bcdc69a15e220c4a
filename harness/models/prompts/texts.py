"""Reads the `system` and `template` of a version that stand elsewhere: `file:PATH` and `prompts:/NAME/VERSION`.

A text is read once for a run. What counts is what it says: the same text has the same fingerprint wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.config.files import FILE, PROMPTS, find_file, read_text
from harness.config.versions import VersionSettings
from harness.errors import SettingsError

SUFFIXES = (".md", ".txt", ".jinja", ".j2", ".prompt")
_VARIABLE = re.compile(r"\{\{\s*([a-zA-Z_][\w.]*)\s*\}\}")
"""As MLflow writes one: mlflow.prompt.constants.PROMPT_TEMPLATE_VARIABLE_PATTERN."""
_PLACE = "{prompt}"
_JINJA = ("{%", "{#")
_ROLES: Mapping[str, tuple[str, ...]] = {"system": ("system", "developer"), "template": ("user",)}


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """A version with the texts of its prompt.

    Attributes:
        settings: with them in place of where they stood.
        places: of each that stood elsewhere the place, an alias of the registry as the version that it named.
    """

    settings: VersionSettings
    places: Mapping[str, str]


def check_texts(settings: VersionSettings, root: Path) -> None:
    """Refuse texts that can't be read, as far as one can see without asking the registry.

    Raises:
        SettingsError: a file that is not there or is no prompt, an address of neither form, no MLflow, no registry.
    """
    for name, place in settings.texts_elsewhere.items():
        if place.startswith(FILE):
            _from_file(settings, name, root)
    if any(place.startswith(PROMPTS) for place in settings.texts_elsewhere.values()):
        from harness.models.prompts.registered import check_prompts

        check_prompts(settings)


def read_texts(settings: VersionSettings, root: Path, *, offline: bool = False) -> ReadTexts:
    """The version with the texts of its prompt, wherever they stand.

    Args:
        root: folder that relative paths start from.
        offline: take a prompt of the registry by its number, if it was looked up before, without asking.

    Raises:
        SettingsError: one can't be read, has no place for the question, or a place for something else.
    """
    elsewhere = settings.texts_elsewhere
    if not elsewhere:
        return ReadTexts(settings, {})
    texts = {name: _from_file(settings, name, root) for name, place in elsewhere.items() if place.startswith(FILE)}
    places = dict(elsewhere)
    if len(texts) < len(elsewhere):
        from harness.models.prompts.registered import look_up_prompts

        for name, prompt in look_up_prompts(settings, root, offline=offline).items():
            texts[name] = _text_of(name, elsewhere[name], prompt.template)
            places[name] = str(prompt)
    read: dict[str, Any] = {**texts}
    return ReadTexts(replace(settings, **read), places)


def _from_file(settings: VersionSettings, name: str, root: Path) -> str:
    place = settings.texts_elsewhere[name]
    path = Path(place.removeprefix(FILE)).expanduser()
    given = f"Version {settings.name!r}, {name} = {place!r}"
    try:
        found = find_file(path, (root,), kind="prompt", suffixes=SUFFIXES, error=SettingsError)
    except SettingsError as error:
        raise SettingsError(f"{given}: {error}") from None
    if found is None:
        raise SettingsError(f"{given}: there is no {root / path}.")
    try:
        text = read_text(found, SettingsError)
    except SettingsError as error:
        raise SettingsError(f"{given}: {error}") from None
    return _checked(name, given, text.rstrip("\r\n"))


def _text_of(name: str, place: str, template: str | list[Mapping[str, Any]]) -> str:
    """The text of a registered prompt that a setting stands for; of a chat, the message of its role."""
    given = f"{name} = {place!r}"
    if isinstance(template, str):
        text: Any = template
    else:
        roles = [str(message.get("role")) for message in template]
        own = [message.get("content") for message in template if message.get("role") in _ROLES[name]]
        others = set(roles) - {role for known in _ROLES.values() for role in known}
        if len(own) != 1 or others:
            raise SettingsError(
                f"{given} is a chat of the messages {', '.join(roles)}. As {name} counts its one message of the role "
                f"{_ROLES[name][0]}, and a version has no others: put examples into its text."
            )
        text = own[0]
    if not isinstance(text, str):
        raise SettingsError(f"{given} is no text: {text!r}.")
    if any(mark in text for mark in _JINJA):
        raise SettingsError(
            f"{given} is written in Jinja ({{% … %}}), which is not followed here: a prompt is a text with "
            "{{prompt}} in it. Register it without."
        )
    return _checked(name, given, text)


def _checked(name: str, given: str, text: str) -> str:
    """The text with the place of the question written as `{prompt}`.

    Raises:
        SettingsError: it is empty, has no such place where it needs one, or a place for anything else.
    """
    if not text.strip():
        raise SettingsError(f"{given}: the text is empty.")
    if text.startswith((FILE, PROMPTS)):
        raise SettingsError(f"{given} only names another place, {text!r}: name that one.")
    wanted = set(_VARIABLE.findall(text))
    unknown = sorted(wanted - ({"prompt"} if name == "template" else set()))
    if unknown:
        only = "{{prompt}}, the question, is the only one" if name == "template" else "a system text has none"
        raise SettingsError(f"{given} has the variable {{{{{unknown[0]}}}}}, which nothing fills in: {only}.")
    if name != "template":
        return text
    text = _VARIABLE.sub(_PLACE, text)
    if _PLACE not in text:
        raise SettingsError(f"{given} does not hold {{{{prompt}}}}, where the question goes.")
    return text
