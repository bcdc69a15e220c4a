"""Baselines that are recorded or stored, and the weighing against them."""
