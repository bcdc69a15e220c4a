"""Data: corpora, the steps that they are made by, and what is told of them."""
