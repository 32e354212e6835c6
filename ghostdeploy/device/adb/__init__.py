"""Talking to a phone: the adb server's socket, or the phone itself through adb-shell; one interface for both."""
