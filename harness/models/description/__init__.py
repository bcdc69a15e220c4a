"""Weights described without being loaded: what a model is made of, what it takes, and where it comes from."""
