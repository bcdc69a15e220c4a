"""Benchmarks: `make bench` measures and writes reports/benchmarks/. Ratios are taken within one run."""
