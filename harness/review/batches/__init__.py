"""The batches that people are shown: which answers are drawn, and what they come to."""
