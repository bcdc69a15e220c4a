"""The engine for endpoints that speak OpenAI's HTTP API."""
