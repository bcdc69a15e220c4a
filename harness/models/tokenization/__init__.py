"""The tokenizer of a version: as its files define it, and as its engine loads it."""
