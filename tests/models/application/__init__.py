"""Tests of applications as versions."""
