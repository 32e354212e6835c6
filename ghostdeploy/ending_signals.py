"""The signals by which a user, a system or a closed terminal asks us to end."""

from __future__ import annotations

import signal

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")     # Windows has no SIGHUP


def ending_signals() -> tuple[signal.Signals, ...]:
    """Those that this process must unwind on. A SIGHUP that is ignored is not among them: `nohup` wants to outlive it.

    SIGINT is, even when ignored: a shell starts background jobs so, and then nothing could stop us gently.
    """
    known = (signal.Signals[name] for name in NAMES if name in signal.Signals.__members__)
    return tuple(number for number in known
                 if number.name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN)
