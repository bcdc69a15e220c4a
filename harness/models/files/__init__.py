"""Files that models are made of, known by their content."""
