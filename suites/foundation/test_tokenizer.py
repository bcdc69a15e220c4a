import re

import pytest

HOSTILE = "evals/foundation/hostile_text/cases.jsonl"
CONTROL = "evals/foundation/control_text/cases.jsonl"
CHATS = "evals/foundation/chats/cases.jsonl"


def written(case, tokenizer):
    """The case's text with each control token of the model in the place of {control}."""
    return [case.text.replace("{control}", tokenizer.piece_of(number)) for number in sorted(tokenizer.control_ids)]


@pytest.mark.evaluation(
    cases=HOSTILE,
    cluster=False,
    threshold=0.9,
    margin=0.02,
    requirement="Non-functional: the model is given all of a text.",
)
def test_round_trip(weights, case):
    made = weights.tokenizer.disassemble(case.text)
    assert made.is_lossless, f"comes back as {made.decoded!r}"
    back = weights.loaded.decode(weights.loaded.encode(case.text))
    assert back == case.text, f"comes back from the engine's tokenizer as {back!r}"


@pytest.mark.evaluation(
    cases=CONTROL,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: what is to be text can be given as text, whatever is written in it.",
)
def test_control_tokens_as_text(weights, case):
    for text in written(case, weights.tokenizer):
        made = weights.tokenizer.disassemble(text)
        assert made.is_lossless, f"comes back as {made.decoded!r}"
        found = [each.piece for each in made.tokens if each.id in weights.tokenizer.control_ids]
        assert not found, f"holds the control token {found[0]}"


@pytest.mark.evaluation(
    cases=CONTROL,
    requirement="Business: what a user writes in a chat ends no turn.",
)
def test_user_text_ends_no_turn(weights, case):
    def n_control(text):
        ids = weights.loaded.chat([{"role": "user", "content": text}])
        return sum(number in weights.tokenizer.control_ids for number in ids)

    plain = n_control("x")
    for text in written(case, weights.tokenizer):
        assert n_control(text) == plain, f"{text!r} becomes control tokens"


@pytest.mark.evaluation(
    cases="evals/foundation/spaced_signs/cases.jsonl",
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: code and typography that have spaces before signs keep them.",
)
def test_spaces_before_signs(weights, case):
    for tokenizer in (weights.tokenizer, weights.loaded):
        back = tokenizer.decode(tokenizer.encode(case.text))
        assert back == case.text, f"comes back as {back!r}"


@pytest.mark.evaluation(
    cases=HOSTILE,
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: the engine splits a text as the model's files say.",
)
def test_tokenizer_kind(weights, case):
    own = weights.tokenizer.encode(case.text, special=True, adds=False)
    loaded = weights.loaded.encode(case.text)
    assert loaded == own, f"{weights.loaded.kind} makes {len(loaded)} tokens, the files {len(own)}"


@pytest.mark.evaluation(
    cases="evals/foundation/pieces/cases.jsonl",
    threshold=0.99,
    margin=0.005,
    requirement="Non-functional: texts are cut as they were when the vocabulary was made, so that its tokens are met.",
)
def test_vocabulary_is_met(weights, case):
    met = [is_met for piece, is_met in weights.tokenizer.reach.items() if re.fullmatch(case.pattern, piece)]
    return sum(met) / len(met) if met else pytest.skip("no piece is of this kind")


@pytest.mark.evaluation(
    cases=[{"id": "vocabulary"}],
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: each number means the token that the weights learnt by it.",
)
def test_numbers_of_tokens(weights, case):
    moved = [f"{number} means {piece!r}" for number, piece in weights.moved_tokens.items()]
    assert not moved, f"{len(moved)} tokens are not the weights' own: {', '.join(moved[:5])}"


@pytest.mark.evaluation(
    cases=CHATS,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a chat begins once, as it did in training.",
)
def test_one_beginning(weights, case):
    first = weights.tokenizer.id_of("bos_token")
    asked = {
        "a chat": weights.loaded.chat(case.messages),
        "a chat that is completed": weights.loaded.prompt(weights.chat(case.messages)),
        "a text": weights.loaded.prompt(case.messages[-1]["content"]),
    }
    for what, ids in asked.items():
        assert first is None or ids[:2] != [first, first], f"{what} begins twice"


@pytest.mark.evaluation(
    cases=CHATS,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: the engine asks in the form that the model was trained on.",
)
def test_template(weights, case):
    rendered = weights.chat(case.messages)
    for name in weights.tokenizer.templates:
        assert weights.tokenizer.chat(case.messages, template=name) == rendered, f"{name} makes another text"
    asked = weights.loaded.chat(case.messages)
    assert asked == weights.tokenizer.encode(rendered, special=True, adds=False), "the engine asks something else"
