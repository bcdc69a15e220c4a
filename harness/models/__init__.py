"""Model versions and the engines that answer for them."""
