"""Applications as versions: a function of Python, or a program that is asked in lines of JSON."""
