"""The log of a run: one CSV row for every look at the test images."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ghostdeploy.writing import write_whole

FILE = "log.csv"
COLUMNS = ("step", "epoch", "lr", "loss", "top1_raw", "top1_ema", "images_per_second", "seconds")
Row = dict[str, float]


def write(directory: Path, rows: Sequence[Row]) -> None:
    """Write the log anew: a run that goes on from an earlier step has forgotten the rows after it.

    Raises:
        WriteFailed.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(directory / FILE, text.getvalue())
