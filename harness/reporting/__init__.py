"""A run's report for people and machines: pure functions from `harness.records.Report`."""
