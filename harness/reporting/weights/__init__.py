"""Shows weights: in lines as llama.cpp prints them, in JSON, as a difference, and as a drawing."""
