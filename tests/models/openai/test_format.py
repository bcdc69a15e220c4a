"""Bodies in the form of OpenAI's API are written and read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.errors import CapabilityError
from harness.models.openai.format import (
    is_same_model,
    payload,
    read_choices,
)
from harness.models.openai.retry import UnusableError
from harness.records import Request, Sample

REQUEST = Request(messages=({"role": "user", "content": "Q"},), sampling={"temperature": 0.7, "max_tokens": 8})


def choice(text: str | None = "A", index: int = 0, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **fields.pop("message", {})}
    return {"index": index, "message": message, "finish_reason": "stop", **fields}


def read(choices: Any, request: Request = REQUEST, usage: Any = None) -> list[Sample]:
    return read_choices({"choices": choices, "usage": usage}, request, range(10), 0.5).samples


class TestPayload:
    def test_one_plain_sample_needs_no_n(self) -> None:
        assert payload("m", REQUEST, [3]) == {
            "model": "m",
            "messages": [{"role": "user", "content": "Q"}],
            "temperature": 0.7,
            "max_tokens": 8,
        }

    def test_several_samples_are_n_choices(self) -> None:
        assert payload("m", REQUEST, range(4, 9))["n"] == 5

    def test_the_seed_counts_up_from_the_first_index(self) -> None:
        assert payload("m", Request(sampling={"seed": 100}), [7, 8])["seed"] == 107

    @pytest.mark.parametrize(
        ("logprobs", "fields"), [(0, {"logprobs": True}), (3, {"logprobs": True, "top_logprobs": 3})]
    )
    def test_logprobs_are_asked_for(self, logprobs: int, fields: dict[str, Any]) -> None:
        body = payload("m", Request(logprobs=logprobs), [0])
        assert {name: body[name] for name in body if "logprobs" in name} == fields

    def test_a_schema_is_a_strict_response_format(self) -> None:
        form = payload("m", Request(schema={"type": "object"}), [0])["response_format"]
        assert form["type"] == "json_schema"
        assert form["json_schema"] == {"name": "answer", "schema": {"type": "object"}, "strict": True}

    def test_tools_are_passed_through(self) -> None:
        tool = {"type": "function", "function": {"name": "look"}}
        assert payload("m", Request(tools=(tool,)), [0])["tools"] == [tool]

    def test_a_completion_sends_its_prompt_raw(self) -> None:
        request = Request(kind="completion", prompt="Q", sampling={"stop": ["."], "seed": 1}, logprobs=0)
        assert payload("m", request, [4, 5]) == {
            "model": "m",
            "prompt": "Q",
            "stop": ["."],
            "n": 2,
            "seed": 5,
            "logprobs": 0,
        }

    @pytest.mark.parametrize(
        ("prompt", "texts"), [("Q", ["Q", "Q A"]), ("Q \n", ["Q", "Q \n A"]), ("", [" A"]), (" ", ["  A"])]
    )
    def test_a_loglikelihood_sends_the_prompt_alone_and_with_its_continuation(
        self, prompt: str, texts: list[str]
    ) -> None:
        request = Request(kind="loglikelihood", prompt=prompt, continuation=" A")
        assert payload("m", request)["prompt"] == texts

    def test_a_whole_text_is_sent_once(self) -> None:
        assert payload("m", Request(kind="rolling", prompt="A text."))["prompt"] == ["A text."]


class TestChoices:
    def test_samples_are_in_the_order_of_the_choices_index(self) -> None:
        samples = read([choice("b", 1), choice("a", 0)])
        assert [(sample.text, sample.index) for sample in samples] == [("a", 0), ("b", 1)]

    def test_a_cut_answer_says_so(self) -> None:
        assert read([choice(finish_reason="length")])[0].truncated

    def test_completion_tokens_add_up_to_what_was_billed(self) -> None:
        samples = read([choice(index=i) for i in range(3)], usage={"completion_tokens": 11})
        assert [sample.completion_tokens for sample in samples] == [4, 4, 3]

    def test_completion_tokens_are_counted_where_logprobs_list_them(self) -> None:
        choices = [
            choice(index=i, logprobs={"content": [{"token": "x", "logprob": -1.0}] * count})
            for i, count in enumerate((5, 1))
        ]
        samples = read(choices, Request(logprobs=0), usage={"completion_tokens": 6})
        assert [sample.completion_tokens for sample in samples] == [5, 1]

    def test_tokens_are_unknown_without_usage(self) -> None:
        assert (read([choice()])[0].prompt_tokens, read([choice()])[0].completion_tokens) == (None, None)

    def test_more_choices_than_wanted_are_cut(self) -> None:
        document = {"choices": [choice(index=i) for i in range(5)]}
        assert [sample.index for sample in read_choices(document, REQUEST, [7, 8], 0.1).samples] == [7, 8]

    def test_an_empty_choice_among_answers_is_left_out_but_counted(self) -> None:
        choices = read_choices({"choices": [choice(None), choice("b", 1)]}, REQUEST, [4, 5], 0.1)
        assert choices.received == 2
        assert [(sample.text, sample.index) for sample in choices.samples] == [("b", 4)]

    @pytest.mark.parametrize("choices", [[], None, "x", {}, [choice(None)], [3], [{"index": 0}], [{"message": None}]])
    def test_a_body_without_an_answer_is_unusable(self, choices: Any) -> None:
        with pytest.raises(UnusableError):
            read(choices)

    @pytest.mark.parametrize(
        "malformed",
        [
            choice(3),  # type: ignore[arg-type]
            choice({"text": "A"}),  # type: ignore[arg-type]
            choice([{"text": 3}]),  # type: ignore[arg-type]
            choice("A", "first"),  # type: ignore[arg-type]
            choice(finish_reason=3),
            choice(None, message={"refusal": 3}),
            choice(message={"reasoning": {"text": "hm"}}),
            choice(message={"tool_calls": "look"}),
            choice(logprobs={"content": [{"token": 3, "logprob": -1.0}]}),
            choice(logprobs={"content": [{"token": "A", "logprob": "-1"}]}),
            choice(logprobs={"content": [{"token": "A", "logprob": -(10**400)}]}),
            choice(logprobs={"content": [{"token": "A", "logprob": -1, "top_logprobs": [{"token": "B"}]}]}),
            choice(logprobs={"content": [{"token": "A", "logprob": -1, "top_logprobs": {"B": -2}}]}),
            choice(logprobs={"content": 3}),
            choice(logprobs="none"),
        ],
    )
    def test_a_field_of_another_type_is_unusable(self, malformed: dict[str, Any]) -> None:
        with pytest.raises(UnusableError, match="not a chat completion"):
            read([malformed], Request(logprobs=1))

    @pytest.mark.parametrize("tokens", [-1, 2**53, 2.5, "7", True, [7], None])
    def test_a_count_of_tokens_that_is_none_is_left_out(self, tokens: Any) -> None:
        sample = read([choice()], usage={"prompt_tokens": tokens, "completion_tokens": tokens})[0]
        assert (sample.prompt_tokens, sample.completion_tokens) == (None, None)

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    def test_an_answer_may_be_empty_when_it_was_cut_or_withheld(self, reason: str) -> None:
        assert read([choice(None, finish_reason=reason)])[0].text == ""

    def test_a_refusal_is_the_answer(self) -> None:
        assert read([choice(None, message={"refusal": "I can't."})])[0].text == "I can't."

    def test_content_in_parts_is_joined(self) -> None:
        assert read([choice([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])])[0].text == "ab"  # type: ignore[arg-type]

    def test_tool_calls_come_through(self) -> None:
        calls = [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
        sample = read([choice(None, message={"tool_calls": calls}, finish_reason="tool_calls")])[0]
        assert (sample.text, sample.tool_calls, sample.finish_reason) == ("", tuple(calls), "tool_calls")

    @pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
    def test_reasoning_beside_the_answer_is_kept_apart(self, name: str) -> None:
        sample = read([choice("A", message={name: "hm"})])[0]
        assert (sample.reasoning, sample.text) == ("hm", "A")

    def test_reasoning_cut_before_the_answer_leaves_it_empty(self) -> None:
        sample = read([choice(None, message={"reasoning_content": "hm"}, finish_reason="length")])[0]
        assert (sample.reasoning, sample.text) == ("hm", "")

    def test_logprobs_are_read_with_their_alternatives(self) -> None:
        top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -3.0}]
        entry = {"token": "A", "logprob": -0.1, "bytes": [65], "top_logprobs": top}
        (token,) = read([choice(logprobs={"content": [entry]})], Request(logprobs=2))[0].logprobs or ()
        assert (token.token, token.logprob, token.top) == ("A", -0.1, (("A", -0.1), ("B", -3.0)))

    @pytest.mark.parametrize("fields", [{}, {"logprobs": None}, {"logprobs": {}}])
    def test_logprobs_that_are_missing_are_a_missing_capability(self, fields: dict[str, Any]) -> None:
        with pytest.raises(CapabilityError, match="Log probabilities were asked for"):
            read([choice(**fields)], Request(logprobs=0))


class TestCompletions:
    REQUEST = Request(kind="completion", prompt="Q")

    def test_texts_come_as_they_are(self) -> None:
        samples = read(
            [{"index": 1, "text": "b"}, {"index": 0, "text": "<think>a", "finish_reason": "length"}], self.REQUEST
        )
        assert [(sample.text, sample.finish_reason) for sample in samples] == [("<think>a", "length"), ("b", "stop")]

    def test_logprobs_are_read_from_their_lists(self) -> None:
        lists = {
            "tokens": [" A", "B"],
            "token_logprobs": [-0.5, -2],
            "top_logprobs": [{" A": -0.5, " C": -1.0}, {"C": -0.1, "D": -0.2, "B": -2}],
        }
        (sample,) = read([{"text": " AB", "logprobs": lists}], Request(kind="completion", prompt="Q", logprobs=2))
        first, second = sample.logprobs or ()
        assert (first.token, first.logprob, first.top) == (" A", -0.5, ((" A", -0.5), (" C", -1.0)))
        assert (second.token, second.logprob, second.top) == ("B", -2.0, (("C", -0.1), ("D", -0.2)))

    def test_without_alternatives_their_list_may_be_missing(self) -> None:
        lists = {"tokens": ["A"], "token_logprobs": [-0.5], "top_logprobs": None}
        (sample,) = read([{"text": "A", "logprobs": lists}], Request(kind="completion", prompt="Q", logprobs=0))
        assert [(entry.token, entry.top) for entry in sample.logprobs or ()] == [("A", ())]

    def test_logprobs_that_are_missing_are_a_missing_capability(self) -> None:
        with pytest.raises(CapabilityError, match="Log probabilities were asked for"):
            read([{"text": "A", "logprobs": None}], Request(kind="completion", prompt="Q", logprobs=0))

    @pytest.mark.parametrize(
        "malformed",
        [
            {},
            {"text": None},
            {"text": "A", "logprobs": {"tokens": ["A"], "token_logprobs": []}},
            {"text": "A", "logprobs": {"tokens": ["A"], "token_logprobs": ["x"]}},
            {"text": "A", "logprobs": []},
        ],
    )
    def test_another_body_is_unusable(self, malformed: dict[str, Any]) -> None:
        with pytest.raises(UnusableError, match="not a completion"):
            read([malformed], Request(kind="completion", prompt="Q", logprobs=0))


def echoed(logprobs: list[float | None], best: list[float | None], index: int = 0) -> dict[str, Any]:
    """A completion that echoes tokens with these log probabilities, and generates one more."""
    top = [None if logprob is None else {"best": logprob} for logprob in best]
    return {"index": index, "logprobs": {"token_logprobs": [*logprobs, -9.0], "top_logprobs": [*top, {"x": -9.0}]}}


class TestLoglikelihood:
    REQUEST = Request(kind="loglikelihood", prompt="a b", continuation=" c d")

    def weigh(self, *choices: dict[str, Any], request: Request = REQUEST) -> Sample:
        return read_choices({"choices": list(choices)}, request, [0], 0.1).samples[0]

    def test_the_tokens_after_the_prompt_are_summed(self) -> None:
        whole = echoed([None, -1, -2, -4], [None, -1, -2, -3], index=1)
        sample = self.weigh(whole, echoed([None, -1], [None, -1]))
        assert (sample.loglikelihood, sample.is_greedy) == (-6.0, False)
        assert (sample.prompt_tokens, sample.completion_tokens) == (2, 2)

    def test_a_continuation_of_most_probable_tokens_is_greedy(self) -> None:
        whole = echoed([None, -1, -2], [None, -0.5, -2], index=1)
        assert self.weigh(echoed([None, -1], [None, -1]), whole).is_greedy

    def test_without_a_prompt_the_first_token_has_no_probability(self) -> None:
        request = Request(kind="loglikelihood", prompt="", continuation="a b")
        assert self.weigh(echoed([None, -3], [None, -1]), request=request).loglikelihood == -3.0

    @pytest.mark.parametrize(("first", "total"), [(None, -3.0), (-2.0, -5.0)])
    def test_the_first_token_of_a_whole_text_counts_where_it_has_a_probability(
        self, first: float | None, total: float
    ) -> None:
        whole = echoed([first, -1, -2], [first, -1, -2])
        assert self.weigh(whole, request=Request(kind="rolling", prompt="a b c")).loglikelihood == total

    @pytest.mark.parametrize(
        "choices",
        [
            [{"index": 0, "logprobs": None}, {"index": 1, "logprobs": None}],
            [{}],
            [echoed([None, -1], [None, -1])],
            [echoed([], []), echoed([], [], index=1)],
            [echoed([None, -1], [None, -1]), echoed([None, -1], [None, -1], index=1)],
        ],
    )
    def test_an_endpoint_that_does_not_echo_lacks_the_capability(self, choices: list[dict[str, Any]]) -> None:
        with pytest.raises(CapabilityError, match="does not echo"):
            self.weigh(*choices)

    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"choices": 3},
            {"choices": [echoed([None, "x"], [None, -1.0])]},  # type: ignore[list-item]
            {"choices": [echoed([None, -1.0], [None, "x"])]},  # type: ignore[list-item]
            {"choices": [echoed([None, -1.0], [None, None])]},
            {"choices": [{"index": 0, "logprobs": {"token_logprobs": 3, "top_logprobs": 3}}]},
        ],
    )
    def test_another_body_is_unusable(self, document: dict[str, Any]) -> None:
        with pytest.raises(UnusableError):
            read_choices(document, self.REQUEST, [0], 0.1)


@pytest.mark.parametrize("calls", [{}, ["call"], [{}], [{"function": {"name": 1}}], [{"function": {}}]])
def test_tool_calls_of_another_form_are_unusable(calls: Any) -> None:
    with pytest.raises(UnusableError, match="not a chat completion"):
        read([choice(None, message={"tool_calls": calls})])


def test_a_custom_tool_s_call_is_kept_as_it_was_written() -> None:
    call = {"custom": {"name": "run"}}
    assert read([choice(None, message={"tool_calls": [call]})])[0].tool_calls == (call,)


def test_minus_infinity_is_a_log_probability_and_infinity_none() -> None:
    def entry(value: Any) -> dict[str, Any]:
        return choice(logprobs={"content": [{"token": "A", "logprob": value}]})

    (token,) = read([entry(-math.inf)], Request(logprobs=0))[0].logprobs or ()
    assert token.logprob == -math.inf
    for value in (math.inf, math.nan, True):
        with pytest.raises(UnusableError):
            read([entry(value)], Request(logprobs=0))


@pytest.mark.parametrize("index", ["1", True, 1.0])
def test_an_index_of_another_type_is_unusable(index: Any) -> None:
    with pytest.raises(UnusableError, match=r"choices\.0\.index: Input should be a valid integer"):
        read([choice(index=index)])


def test_a_provider_or_a_folder_before_a_name_makes_no_other_model() -> None:
    assert is_same_model("/models/Small/", "small")
    assert not is_same_model("small", "small-2")
