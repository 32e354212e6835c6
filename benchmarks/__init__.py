"""The comparison: the same checkpoint through our formats and through every other path, measured in one run.

    models          what is compared
    peers           who is compared: exporter, runtime, environment and settings of each
    environments    the interpreters of peers that cannot live in the base environment
    exporters/      a module -> a peer's file
    runtimes/       a peer's file -> inferences
    truth           what the checkpoint itself answers, and when a peer is wrong
    child           a fresh process in a peer's interpreter
    export_worker, exporting     one export in such a process, with its time and memory, kept on disk
    worker          one round in such a process: load, warm up, time
    rounds          rounds in random order, kept on disk, so that a killed run goes on
    comparison      rounds -> ratios with their intervals, and who is the best peer
    run             all of it in order
    result          the whole as versioned JSON
    table           the whole as Markdown
    __main__, entry the command, and how each program here runs and publishes

Programs of their own, each with a document under docs/:

    arm/            arm64 instructions per inference, ours beside others' (arm.md)
    roofline/       what stands between models and the core (limits*.md)
    calibration     how often `compare` calls an artifact different from its copy (calibration*.md)
    trained         how right the artifacts of a trained checkpoint are (trained.md)

Not part of the wheel: a user of the library needs none of it.
"""
