"""Renders chat templates as transformers does, without importing it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from harness.errors import SettingsError


def render(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    special_tokens: Mapping[str, str],
    *,
    add_generation_prompt: bool = True,
) -> str:
    """A chat as one text.

    Templates come with weights and are nobody's code to trust: they run in jinja2's sandbox, as in transformers.

    Args:
        special_tokens: by the names that a template knows them by: `bos_token`, `eos_token`, ….

    Raises:
        SettingsError: the template is broken, or refuses the messages.

    Source: what a template may use is told by transformers' "Writing a chat template".
    """
    try:
        import jinja2
    except ImportError:
        raise SettingsError("A chat template needs jinja2: pip install jinja2") from None

    try:
        text = _compiled(template).render(
            messages=[dict(message) for message in messages],
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **special_tokens,
        )
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise SettingsError(f"The chat template could not be applied: {error}.") from error
    return str(text)


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    """A template of jinja2: to compile one takes fifty times as long as to apply it."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _generation_tag()]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(template)


def _generation_tag() -> type[Any]:
    """Lets a template mark what an assistant said with `{% generation %}`, which changes nothing here."""
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - as jinja2 wants it

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    return Generation


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    """As jinja2's, without writing out what HTML wants written out."""
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)
