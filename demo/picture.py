"""`python -m demo.picture`: runs the demo and keeps what it printed as docs/demo.svg, the README's picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 112
# Colours, but no spinners: a picture keeps what was printed, not what was overwritten (rich's own variables).
ENVIRONMENT = {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "0", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
PICTURE = Path("docs/demo.svg")


def main() -> None:
    """Run, show and draw."""
    process = subprocess.Popen([sys.executable, "-m", "demo"], env={**os.environ, **ENVIRONMENT}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        sys.stdout.write(line)
        printed += line
    if process.wait():
        sys.exit(process.returncode)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Text.from_ansi(printed))
    # rich's template loads its font from the net; the reader's own monospace font will do.
    template = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    console.save_svg(str(PICTURE), title="make demo", theme=MONOKAI, code_format=template)


if __name__ == "__main__":
    main()
