"""The native benchmark programs, what they are built from and run with: on this machine, as x86_64 and as arm64."""
