"""Placeholder docstring: replaced by whoever owns this package."""
