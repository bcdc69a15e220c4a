"""Tells how far one version of a corpus is from another, column by column."""
