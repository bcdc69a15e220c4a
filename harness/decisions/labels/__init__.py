"""Decisions that rest on what people said."""
