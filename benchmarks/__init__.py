"""The comparison: the same checkpoint through our formats and through every other path, measured in one run.

    models          what is compared
    peers           who is compared: exporter, runtime, environment and settings of each
    environments    the interpreters of peers that cannot live in the base environment
    exporters/      a module -> a peer's file
    runtimes/       a peer's file -> inferences
    exporting       one export in a fresh process, with its time and memory
    worker          one round: the fresh process that loads, warms up and times
    rounds          rounds in random order, kept on disk, so that a killed run goes on
    comparison      rounds -> ratios with their intervals, and who is the best peer
    result          the whole as versioned JSON
    table           the whole as Markdown
    __main__        the command

Not part of the wheel: a user of the library needs none of it.
"""
