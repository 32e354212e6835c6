"""Whole benchmarks on the test phone: what works, and what goes wrong at every step of one."""
