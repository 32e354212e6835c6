"""Where the time of an artifact goes: by block of the model, and by operator where the runtime tells."""
