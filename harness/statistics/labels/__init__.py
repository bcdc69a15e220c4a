"""Estimates from people's labels beside a judge's scores."""
