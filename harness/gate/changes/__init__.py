"""Which evaluations a change of files may concern."""
