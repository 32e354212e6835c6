"""The seed's recipe: train compact models in multi-branch form, from a TOML file, resumable to the bit."""
