"""Sources: how the documents of a corpus are read from files, one module for each kind."""
