"""The evaluations that are asked, with their cases, and what is told of single cases."""
