"""What is asked: evaluations with their cases, and what is told of single cases."""
