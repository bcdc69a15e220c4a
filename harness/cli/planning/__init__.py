"""The commands that plan a gate and measure how often it is wrong."""
