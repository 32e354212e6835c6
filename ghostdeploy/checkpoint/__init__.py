"""Checkpoint files: read safely, unwrapped, recognised. `identify` is the way in; `ghostdeploy.loading` makes modules.

The way through the package: kind -> archive, pickles -> read -> unwrap -> values -> recognise (names, match, nearest).
"""
