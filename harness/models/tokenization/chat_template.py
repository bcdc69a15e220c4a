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
    """
    try:
        import jinja2
    except ImportError:
        raise SettingsError("A chat template needs jinja2: pip install jinja2") from None

    given = {"messages": [dict(message) for message in messages], "tools": None, "documents": None}
    try:
        return str(_compiled(template).render(given, add_generation_prompt=add_generation_prompt, **special_tokens))
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise SettingsError(f"The chat template could not be applied: {error}.") from error


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    """A template of jinja2: to compile one takes fifty times as long as to apply it.

    Source: what a template may use is told by transformers' "Writing a chat template".
    """
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`, which marks what an assistant said, changes nothing here."""

        tags = {"generation"}  # noqa: RUF012 - as jinja2 wants it

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    extensions = ["jinja2.ext.loopcontrols", Generation]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    # Unlike jinja2's own, it does not write out what HTML wants written out.
    environment.filters["tojson"] = functools.partial(json.dumps, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(template)
