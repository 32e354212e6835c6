"""The demo; `python -m demo` runs it."""

from ghostdeploy.cli import wait_politely

wait_politely()     # here, because what the demo imports next imports torch
