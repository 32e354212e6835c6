"""Finding adb and starting its server. A server is never ended: other programs use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ghostdeploy.device.adb import server
from ghostdeploy.device.adb.broken import Absent, Broken
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.server_address import Address
from ghostdeploy.phone_errors import AdbProblem

START_S = 20.0          # adb 29 waits 0.1 s for its server, and 10 s for a slow one
OURS = ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_ADB_SERVER_PORT")
INSTALL = "install adb (apt-get install adb, or Android's platform-tools), or name it in ADB"


def client() -> Path | None:
    """adb's program: $ADB, the PATH, the Android SDK; None if it is nowhere.

    Raises:
        AdbProblem: $ADB names something that cannot be run.
    """
    named = os.environ.get("ADB", "")
    if named:
        found = shutil.which(named)
        if found is None:
            raise AdbProblem(f"ADB is {named}", "that is no program", "unset ADB, or name adb itself")
        return Path(found)
    places = [os.environ.get("PATH", os.defpath)]
    places += [str(Path(sdk) / "platform-tools") for sdk in
               (os.environ.get("ANDROID_HOME", ""), os.environ.get("ANDROID_SDK_ROOT", "")) if sdk]
    found = shutil.which("adb", path=os.pathsep.join(places))
    return Path(found) if found else None


def running(where: Address, deadline: Deadline) -> bool:
    """Whether an adb server answers at `where`.

    Raises:
        AdbProblem: something answers, and it is no adb server, or it hangs.
    """
    try:
        server.query(where, "host:version", deadline)
    except Absent:
        return False
    except Broken as broken:
        raise AdbProblem(f"what listens at {where} does not answer as an adb server", str(broken),
                         "end that program, or set ADB_SERVER_SOCKET to the adb server's address") from broken
    return True


def ensure(where: Address, deadline: Deadline) -> bool:
    """Make sure that a server runs; False where there is none and no adb to start one.

    Raises:
        AdbProblem: adb could not start it, or it would have to run on another machine.
    """
    if running(where, deadline):
        return True
    if not where.local:
        raise AdbProblem(f"no adb server answers at {where}", "it is on another machine, so it cannot be started here",
                         "start it there with `adb -a nodaemon server`, or unset ADB_SERVER_SOCKET")
    program = client()
    if program is None:
        return False
    _start(program, where, deadline)
    return True


def _start(program: Path, where: Address, deadline: Deadline) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in OURS}
    # A file, since the server keeps the pipe open that its starter was given. A session of its own: Ctrl-C is for us.
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run([program, "start-server"], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                  env={**environment, "ADB_SERVER_SOCKET": where.spec}, start_new_session=True,
                                  timeout=deadline.sooner(START_S).left(), check=False)
            status = f"status {done.returncode}"
        except subprocess.TimeoutExpired:
            status = "no end"
        except OSError as error:
            status = error.strerror or str(error)
        said.seek(0)
        words = said.read(2000).decode("utf-8", "backslashreplace").strip()
    if not running(where, deadline):
        raise AdbProblem(f"{program} start-server did not start the adb server ({status})", words,
                         f"type `{program} start-server` and mend what it says")
