"""Steps: what a recipe does to the documents of a corpus, one declaration for each."""
