"""Is one thing faster than another? Two results, or two artifacts measured beside each other, and a verdict."""
