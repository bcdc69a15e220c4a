"""The parts of a version's lineage that are put under test beside its answers: a fixture for each stage of its path."""
