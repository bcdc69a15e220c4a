"""A run: evaluations sampled side by side, decided together, and reported."""
