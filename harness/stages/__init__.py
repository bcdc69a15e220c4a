"""What of a version's lineage is put under test beside its answers: a fixture for each stage of its path."""
