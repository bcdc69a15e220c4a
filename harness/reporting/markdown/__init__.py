"""The report as Markdown, and as a comment on a pull request."""
