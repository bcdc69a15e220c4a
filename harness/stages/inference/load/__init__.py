"""Requests that are sent to a server as a plan has them, and the latencies that they meet."""
