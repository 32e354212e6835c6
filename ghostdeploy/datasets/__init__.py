"""Labelled images to train and to test with: a directory of the user's own, or a set from a package registry."""
