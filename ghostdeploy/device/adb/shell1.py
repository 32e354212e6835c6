"""Commands on phones without shell protocol 2 (Android 6 and older), whose adbd drops the exit status.

The phone's own shell prints it behind a random mark. stdout and stderr come as one.
"""

from __future__ import annotations

import re

from ghostdeploy.device.adb.broken import Gone
from ghostdeploy.device.adb.command import Line, sentinel
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.link import Completed
from ghostdeploy.device.adb.stream import Stream

# `exec:` passes bytes as they are. `shell:` runs on a terminal, which turns \n into \r\n: for where exec is missing
# (Android 4).
BINARY, TERMINAL = "exec", "shell"


def marked(kind: str, line: Line) -> tuple[str, str]:
    """The service that runs `line` and then prints a mark and its status; and that mark.

    The line stands in a subshell, so that an `exit` in it does not skip the mark.
    """
    mark = sentinel()
    return f"{kind}:({line.text}\n) 2>&1; echo {mark}:$?", mark


def converse(stream: Stream, line: Line, mark: str, deadline: Deadline, *, terminal: bool) -> Completed:
    """Feed stdin, read to the end and take the status off it.

    Raises:
        Gone: there is no mark: the connection ended before the command did.
    """
    if line.stdin:
        stream.send(line.stdin, deadline)
    said = stream.rest(deadline)
    if terminal:
        said = re.sub(rb"\r+\n", b"\n", said)      # some phones' terminals double the \r
    found = re.search(re.escape(mark.encode()) + rb":(\d{1,3})\s*\Z", said)
    if found is None:
        raise Gone("the output ended before the command did")
    return Completed(int(found[1]), said[:found.start()], b"")
