"""Versions render requests, and their fingerprint holds what answers depend on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config.typed import names_of
from harness.config.versions import SamplingTable, VersionSettings, read_versions
from harness.errors import SettingsError, UsageError
from harness.models.version import Version, load_version

ROOT = Path()
SCRIPT = {"engine": "scripted", "answers": {"Q": {"yes": 0.7, "no": 0.3}}}
SERVED = {"engine": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"}


def settings(table: dict[str, Any], name: str = "v") -> VersionSettings:
    return read_versions({name: table}, where="test")[name]


def version(table: dict[str, Any], **more: Any) -> Version:
    return load_version(settings({**table, **more}), ROOT)


class TestChat:
    def test_a_prompt_becomes_the_users_message(self) -> None:
        assert version(SCRIPT).chat("Q").messages == ({"role": "user", "content": "Q"},)

    def test_a_prompt_goes_through_the_template_braces_and_all(self) -> None:
        request = version(SCRIPT, template='{"ask": "{prompt}"} {other}').chat("Q {x}")
        assert request.messages[0]["content"] == '{"ask": "Q {x}"} {other}'

    def test_messages_do_not_go_through_the_template(self) -> None:
        request = version(SCRIPT, template="> {prompt}").chat([{"role": "user", "content": "Q"}])
        assert request.messages[0]["content"] == "Q"

    def test_system_text_is_put_first(self) -> None:
        request = version(SCRIPT, system="Be brief.").chat("Q")
        assert list(request.messages) == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q"}]

    @pytest.mark.parametrize("role", ["system", "developer"])
    def test_messages_that_bring_a_system_text_keep_theirs(self, role: str) -> None:
        messages = [{"role": role, "content": "mine"}, {"role": "user", "content": "Q"}]
        assert messages == list(version(SCRIPT, system="Be brief.").chat(messages).messages)

    def test_sampling_is_laid_over_the_versions(self) -> None:
        request = version(SCRIPT, sampling={"temperature": 0.7, "max_tokens": 8}).chat("Q", sampling={"temperature": 0})
        assert request.sampling == {"temperature": 0, "max_tokens": 8}

    def test_an_unknown_sampling_parameter_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(SettingsError, match=r"version 'v', sampling.*Did you mean 'temperature'\?"):
            version(SCRIPT).chat("Q", sampling={"temprature": 0})

    @pytest.mark.parametrize("name", names_of(SamplingTable))
    def test_no_parameter_of_sampling_is_none(self, name: str) -> None:
        with pytest.raises(SettingsError, match=rf"version 'v', sampling: {name} = None is n"):
            version(SCRIPT).chat("Q", sampling={name: None})

    def test_schema_tools_and_logprobs_are_part_of_the_request(self) -> None:
        tool = {"type": "function", "function": {"name": "look"}}
        request = version(SCRIPT).chat("Q", schema={"type": "object"}, tools=[tool], logprobs=0)
        assert ({"type": "object"}, (tool,), 0) == (request.schema, request.tools, request.logprobs)

    @pytest.mark.parametrize(
        ("messages", "said"),
        [
            (7, "neither a prompt nor a list"),
            ({"role": "user", "content": "Q"}, "neither a prompt nor a list"),
            ([], "empty"),
            (["Q"], r"messages\[0\] = 'Q' is not a message"),
            ([{"role": "usr", "content": "Q"}], r"messages\[0\]: .*Did you mean 'user'\?"),
            ([{"content": "Q"}], "No role named 'None'"),
            ([{"role": "user", "content": "Q"}, {"role": "user"}], r"messages\[1\]: content = None"),
            ([{"role": "assistant", "content": None}], "content = None"),
            ([{"role": "user", "content": []}], r"content = \[\]"),
        ],
    )
    def test_messages_that_are_none_are_refused(self, messages: Any, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            version(SCRIPT).chat(messages)

    def test_an_assistant_that_called_a_tool_needs_no_content(self) -> None:
        messages = [
            {"role": "user", "content": [{"type": "text", "text": "Q"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "tool_call_id": "1", "content": "A"},
        ]
        assert messages == list(version(SCRIPT).chat(messages).messages)

    @pytest.mark.parametrize(
        ("more", "said"),
        [({"schema": str}, "not a JSON schema"), ({"logprobs": -1}, "logprobs = -1"), ({"logprobs": True}, "True")],
    )
    def test_a_schema_or_count_that_is_none_is_refused(self, more: dict[str, Any], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            version(SCRIPT).chat("Q", **more)


class TestCompletion:
    def test_raw_text_goes_through_nothing(self) -> None:
        request = version(SCRIPT, system="s", template="> {prompt}").completion("Q")
        assert (request.kind, request.prompt, request.messages) == ("completion", "Q", ())

    def test_sampling_is_laid_over_the_versions(self) -> None:
        request = version(SCRIPT, sampling={"temperature": 0.7}).completion("Q", sampling={"stop": ["."]}, logprobs=3)
        assert (request.sampling, request.logprobs) == ({"temperature": 0.7, "stop": ["."]}, 3)

    @pytest.mark.parametrize(
        ("context", "more", "said"),
        [
            (7, {}, "7 is neither a prompt nor a list"),
            ([], {}, "empty"),
            ("Q", {"logprobs": -1}, "logprobs = -1"),
            ("Q", {"sampling": {"until": ["."]}}, "sampling.*'until'"),
        ],
    )
    def test_what_no_engine_understands_is_refused(self, context: Any, more: dict[str, Any], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            version(SCRIPT).completion(context, **more)


class TestLoglikelihood:
    def test_the_texts_are_kept_raw(self) -> None:
        request = version(SCRIPT, system="s", template="> {prompt}").loglikelihood("Q", " A")
        assert (request.prompt, request.continuation, request.messages) == ("Q", " A", ())

    def test_messages_get_the_system_text(self) -> None:
        request = version(SCRIPT, system="s").loglikelihood([{"role": "user", "content": "Q"}], " A", truncate=True)
        assert (request.prompt, [turn["content"] for turn in request.messages]) == (None, ["s", "Q"])
        assert (request.continuation, request.truncate) == (" A", True)

    def test_an_empty_continuation_is_refused(self) -> None:
        with pytest.raises(UsageError, match="continuation = '' is empty"):
            version(SCRIPT).loglikelihood("Q", "")


class TestRolling:
    def test_the_text_is_kept_raw(self) -> None:
        request = version(SCRIPT, system="s", template="> {prompt}").rolling("Q")
        assert (request.kind, request.prompt, request.messages, request.sampling) == ("rolling", "Q", (), {})

    def test_something_else_than_a_text_is_refused(self) -> None:
        with pytest.raises(UsageError, match="text = None is not a text"):
            version(SCRIPT).rolling(None)  # type: ignore[arg-type]


class TestFingerprint:
    @pytest.mark.parametrize(
        "more",
        [{"system": "s"}, {"template": "> {prompt}"}, {"sampling": {"temperature": 0.5}}, {"revision": "2"}],
    )
    @pytest.mark.parametrize("table", [SCRIPT, SERVED])
    def test_what_answers_depend_on_changes_it(self, table: dict[str, Any], more: dict[str, Any]) -> None:
        assert version(table).fingerprint != version(table, **more).fingerprint

    @pytest.mark.parametrize(
        "more", [{"answers": {"Q": {"yes": 0.6, "no": 0.4}}}, {"answers": {"q": "yes"}}, {"default": "x"}, {"seed": 1}]
    )
    def test_another_script_changes_it(self, more: dict[str, Any]) -> None:
        assert version(SCRIPT).fingerprint != version(SCRIPT, **more).fingerprint

    @pytest.mark.parametrize("more", [{"base_url": "http://127.0.0.1:2/v1"}, {"model": "n"}])
    def test_another_endpoint_or_model_changes_it(self, more: dict[str, Any]) -> None:
        assert version(SERVED).fingerprint != version(SERVED, **more).fingerprint

    def test_a_vllm_server_differs_from_another_endpoint_at_its_address(self) -> None:
        assert version(SERVED).fingerprint != version(SERVED, engine="vllm").fingerprint

    @pytest.mark.parametrize(
        ("table", "more"),
        [
            (SCRIPT, {"latency_s": 1}),
            (SCRIPT, {"max_age": "7d"}),
            (SCRIPT, {"seed": 0}),
            (SCRIPT, {"answers": {"Q": {"no": 0.3, "yes": 0.7}}}),
            (SERVED, {"api_key_env": "KEY"}),
            (SERVED, {"timeout_s": 5}),
            (SERVED, {"requests_per_minute": 60}),
            (SERVED, {"base_url": "http://127.0.0.1:1/v1/"}),
        ],
    )
    def test_what_no_answer_depends_on_does_not(self, table: dict[str, Any], more: dict[str, Any]) -> None:
        assert version(table).fingerprint == version(table, **more).fingerprint

    def test_the_name_does_not(self) -> None:
        assert version(SCRIPT).fingerprint == load_version(settings(SCRIPT, "other"), ROOT).fingerprint

    def test_a_file_of_answers_counts_by_its_content(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text(json.dumps(SCRIPT["answers"]))
        inline = version(SCRIPT)
        read = load_version(settings({"engine": "scripted", "answers": "a.json"}), tmp_path)
        assert inline.fingerprint == read.fingerprint

    def test_weights_count_by_their_content(self, tmp_path: Path) -> None:
        table = {"engine": "transformers", "weights": "w"}
        for name in ("w", "copy", "other"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 2}')
            (tmp_path / name / "model.safetensors").write_bytes(b"2" if name == "other" else b"1")
        first, copy, other, bf16 = (
            load_version(settings({**table, **more}), tmp_path).fingerprint
            for more in ({}, {"weights": "copy"}, {"weights": "other"}, {"dtype": "bfloat16"})
        )
        assert first == copy
        assert len({first, other, bf16}) == 3

    def test_versions_are_hashable(self) -> None:
        assert len({version(SCRIPT), version(SCRIPT)}) == 1
