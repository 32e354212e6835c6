"""Arm instructions: our artifacts beside every other path's, in the runtimes that phones get, under qemu.

    contestants     who is compared: how its file is made, and how it is run
    export          one file, in a fresh process
    counting        every contestant for every model, kept on disk, so that a stopped run goes on
    table           the whole as Markdown
    __main__        the command (`make bench-arm`)

A proxy, and always called that: instructions, not time. Outputs are not compared here; `make bench-peers` does that.
"""
