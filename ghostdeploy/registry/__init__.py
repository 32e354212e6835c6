"""Packages from registries, by their own clients: pinned by sha256, fetched once, then from the cache."""
