"""A version's tokenizer as its files define it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from tests.models.conftest import write_tiny_llama


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny")


@pytest.fixture
def tokenizer(folder: Path) -> VersionTokenizer:
    return load_tokenizer({"weights": "tiny"}, folder.parent)


def changed(folder: Path, name: str, **values: object) -> VersionTokenizer:
    document = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps(document | values), encoding="utf-8")
    return load_tokenizer({"weights": "tiny"}, folder.parent)


def test_it_tells_what_it_is(tokenizer: VersionTokenizer) -> None:
    assert tokenizer.n_tokens == 261
    assert tokenizer.control_ids == {0, 1, 2}
    assert (tokenizer.id_of("bos_token"), tokenizer.id_of("ab"), tokenizer.id_of("none")) == (1, 259, None)
    assert tokenizer.piece_of(2) == "</s>"
    with pytest.raises(ValueError, match=r"no token 9,999; the vocabulary has 261"):
        tokenizer.piece_of(9999)


def test_control_tokens_in_a_text_are_text_unless_they_are_asked_for(tokenizer: VersionTokenizer) -> None:
    assert tokenizer.control_ids.isdisjoint(tokenizer.encode("a</s>"))
    assert tokenizer.encode("a</s>", special=True)[-1] == 2
    assert tokenizer.decode(tokenizer.encode("a</s>")) == "a</s>"


def test_tokens_around_a_text_are_put_there_once(folder: Path) -> None:
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    single = [begin, {"Sequence": {"id": "A", "type_id": 0}}]
    known = {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
    made = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known}
    tokenizer = changed(folder, "tokenizer.json", post_processor=made)
    assert tokenizer.encode("ab", special=True) == [1, 259]
    assert tokenizer.encode("<s>ab", special=True) == [1, 259]
    assert tokenizer.encode("<s>ab", special=True, adds=True) == [1, 1, 259]
    assert tokenizer.encode("ab", special=True, adds=False) == tokenizer.encode("ab") == [259]


def test_spaces_before_signs_are_removed_where_the_files_say_so(folder: Path, tokenizer: VersionTokenizer) -> None:
    text = "a , b . it 's n't"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    cleaning = changed(folder, "tokenizer_config.json", clean_up_tokenization_spaces=True)
    assert cleaning.decode(cleaning.encode(text)) == "a, b. it'sn't"
    assert not cleaning.disassemble(text).is_lossless


def test_chat_is_rendered_by_the_template_that_counts(folder: Path, tokenizer: VersionTokenizer) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    assert tokenizer.chat(messages) == "<s>user: Hi</s><s>assistant:"
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}{{ eos_token }}", encoding="utf-8")
    other = load_tokenizer({"weights": "tiny"}, folder.parent)
    assert other.chat(messages) == "Hi</s>"
    assert other.chat(messages, template="tokenizer_config.json") == "<s>user: Hi</s><s>assistant:"


def test_without_a_template_there_is_no_chat(folder: Path) -> None:
    bare = changed(folder, "tokenizer_config.json", chat_template=None)
    with pytest.raises(SettingsError, match="has no chat template"):
        bare.chat([{"role": "user", "content": "Hi"}])


def test_a_piece_that_its_own_text_does_not_become_is_not_met(folder: Path, tokenizer: VersionTokenizer) -> None:
    assert tokenizer.reach["ab"]
    assert all(tokenizer.reach.values())
    cut = {"type": "Split", "pattern": {"String": "b"}, "behavior": "Isolated", "invert": False}
    own = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["pre_tokenizer"]
    both = {"type": "Sequence", "pretokenizers": [cut, own]}
    other = changed(folder, "tokenizer.json", pre_tokenizer=both)
    assert [piece for piece, is_met in other.reach.items() if not is_met] == ["ab", "bc"]
