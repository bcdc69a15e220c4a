"""Chat templates against transformers, which the models' authors tried them with."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import SettingsError
from harness.models.tokenization.chat_template import render

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] }}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}\n{%- if messages[0].role == 'system' %}\n  {%- set system = messages[0].content | trim %}\n"
    "  {%- set messages = messages[1:] %}\n{%- else %}\n  {%- set system = '' %}\n{%- endif %}\n"
    "{{- '[SYS]' + system }}\n{%- for message in messages %}\n  {%- if message.role not in ['user', 'assistant'] %}\n"
    "    {{- raise_exception('no ' + message.role) }}\n  {%- endif %}\n"
    "  {%- if loop.index > 40 %}{% break %}{% endif %}\n"
    "  {{- message | tojson }}{{ eos_token }}\n{%- endfor %}\n"
    "{% generation %}{{ 'x' if tools is none else tools }}{% endgeneration %}\n"
)
CHATS = [
    [{"role": "user", "content": 'Hi <b> é " {{ x }}'}],
    [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "a\nb"}],
    [{"role": "user", "content": "1"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "2"}],
]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


@pytest.mark.parametrize("template", [CHATML, LLAMA], ids=["chatml", "llama"])
@pytest.mark.parametrize("messages", CHATS, ids=["one", "system", "turns"])
@pytest.mark.parametrize("begins", [True, False])
def test_text_is_that_of_transformers(template: str, messages: list[dict[str, Any]], begins: bool) -> None:
    utilities = pytest.importorskip("transformers.utils.chat_template_utils")
    (expected,), _ = utilities.render_jinja_template(
        conversations=[messages], chat_template=template, add_generation_prompt=begins, **SPECIAL
    )
    assert render(template, messages, SPECIAL, add_generation_prompt=begins) == expected


def test_a_template_that_refuses_says_why() -> None:
    with pytest.raises(SettingsError, match=r"^The chat template could not be applied: no tool\.$"):
        render(LLAMA, [{"role": "user", "content": "x"}, {"role": "tool", "content": "y"}], SPECIAL)


@pytest.mark.parametrize("template", ["{% for %}", "{{ messages[9].content }}", "{{ 1 // 0 }}"])
def test_a_broken_template_is_told(template: str) -> None:
    with pytest.raises(SettingsError, match="could not be applied"):
        render(template, [{"role": "user", "content": "x"}], {})


def test_a_template_reaches_nothing_of_python() -> None:
    reach = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(SettingsError, match="unsafe"):
        render(reach, [{"role": "user", "content": "x"}], {})
