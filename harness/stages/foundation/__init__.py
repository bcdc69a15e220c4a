"""The foundation of a version: the weights that were loaded, and their tokenizer."""
