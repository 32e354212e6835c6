"""`python -m ghostdeploy`."""

from ghostdeploy.cli import main

main()
