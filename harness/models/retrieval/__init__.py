"""Passages that are found for a question: by BM25 in an index, or by a function of the user's."""
