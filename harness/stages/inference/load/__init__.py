"""Requests that are sent to a server as a plan has them, and the latencies that they meet.

`run.run_load` does it, `plan.LoadPlan` says what is sent, and `result.LoadResult` what came of it.
"""
