"""Profiles that ship with the package; each says what it was measured on."""
