"""Versions under load in blocks of time: pairs of them, on the same plan, one served while the other stands."""
