"""Measuring how fast an artifact is: the protocol, the statistics, the result."""

from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import Result, load_all, save_all
from ghostdeploy.benchmark.subject import Subject, subjects

__all__ = ["Protocol", "Result", "Subject", "load_all", "measure", "save_all", "subjects"]
