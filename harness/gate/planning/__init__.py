"""Simulates gates of a size by the gate's own rule: what they can find, and how often they are wrong."""
