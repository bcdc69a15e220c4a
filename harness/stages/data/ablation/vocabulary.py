"""The tokens of tiny models: learned from what is held out, so that no corpus is favoured by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.stages.data.ablation.plan import END


class BytePairVocabulary:
    """Tokens of bytes that are often seen together (BPE), learned from texts.

    The texts are those that models are measured by, for these are in none of the corpora that are weighed against each
    other: a vocabulary of one of them would say that one's texts in fewer tokens. So the tokens are the same for every
    corpus, today's and tomorrow's.

    Args:
        texts: to learn from.
        size: how many tokens there are at most.
    """

    def __init__(self, texts: Sequence[str], size: int) -> None:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        self._tokenizer = Tokenizer(models.BPE())
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            show_progress=False,
            special_tokens=["<end>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
        self._tokenizer.train_from_iterator(texts, trainer)
        # A document that says "<end>" is text like any other.
        self._tokenizer.encode_special_tokens = True
        assert self._tokenizer.token_to_id("<end>") == END
        self.size: int = self._tokenizer.get_vocab_size()
        self.longest: int = max(map(len, self._tokenizer.get_vocab()))

    def encode(self, texts: Iterable[str]) -> list[list[int]]:
        """The tokens of each text."""
        cleaned = [text.encode("utf-8", "replace").decode() for text in texts]
        return [each.ids for each in self._tokenizer.encode_batch(cleaned, add_special_tokens=False)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=False)
        return text
