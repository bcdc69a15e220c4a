"""The repository that a project lies in: its commits, its settings at a commit, the CI job that runs on one, and what
code in it imports and reads.
"""
