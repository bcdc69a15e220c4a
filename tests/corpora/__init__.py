"""Makes the documents of evals/data: a seeded generator, and what it plants in them."""
