"""`steelyard review` and its subcommands."""
