"""What this core can do, and where each layer and block of a model stands against it."""
