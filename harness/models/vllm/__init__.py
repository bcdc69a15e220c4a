"""The engine that runs vLLM in a child process."""
