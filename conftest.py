"""What every test here may use beside pytest's own fixtures; Steelyard's come from its plugin."""

pytest_plugins = ("pytester",)
