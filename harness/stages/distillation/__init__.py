"""Distillation under test: a student that learned from a teacher, and how much of it."""
