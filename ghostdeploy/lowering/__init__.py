"""Fused graph -> artifacts: exact rewrites (`passes`), then one writer per format."""
