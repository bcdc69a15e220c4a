"""From collected test functions to evaluations, with everything that is wrong with them."""
