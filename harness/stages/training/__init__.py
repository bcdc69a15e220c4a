"""Training of what a version is made of, by the libraries for it, in a process of its own."""
