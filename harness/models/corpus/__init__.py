"""Corpora as versions: what stands in the place of an engine, and answers nothing."""
