"""Processes that die, hang or are abandoned: a clear error, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import torch

from ghostdeploy.device.exchange import Exchange
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.process import _answer
from ghostdeploy.errors import RunnerFailed, WriteFailed
from tests.commands import start
from tests.disks import small_disk
from tests.small_artifacts import directory, images, small

PATIENCE_S = 60.0
ENDLESS = 10_000_000


def workers(parent: int) -> list[psutil.Process]:
    """Worker processes below `parent` that are alive."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(parent).children(recursive=True):
            with suppress(psutil.Error):
                if child.status() != psutil.STATUS_ZOMBIE and "ghostdeploy.device.worker" in child.cmdline():
                    found.append(child)
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def stage_of(worker: psutil.Process) -> str:
    with suppress(psutil.Error, IndexError):
        return Exchange(Path(worker.cmdline()[-1])).stage()
    return ""


def timing_now(parent: int) -> bool:
    return any(stage_of(worker) == "the timed runs" for worker in workers(parent))


@contextmanager
def endless_run(deadline_s: float) -> Iterator[list[BaseException]]:
    """A timing job that does not end by itself; the list receives what `run` raised."""
    from ghostdeploy.device.warmup import WarmUpRule

    artifact, raised = small("tflite"), []
    job = Job(artifact.path, "tflite", "time", runs=ENDLESS, warm_up=WarmUpRule(max_ns=1), deadline_s=deadline_s)

    def work() -> None:
        try:
            LocalDevice().run(job, [(images(1),)])
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: timing_now(os.getpid()))
    try:
        yield raised
    finally:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert workers(os.getpid()) == []


@pytest.mark.parametrize(("number", "log"), [(signal.SIGKILL, ""), (signal.SIGSEGV, "in _cadenced")])
def test_a_process_that_dies_in_the_middle(number: signal.Signals, log: str) -> None:
    """A crash leaves the stack of the process in the error; an outright kill leaves nothing to say."""
    with endless_run(PATIENCE_S) as raised:
        workers(os.getpid())[0].send_signal(number)
    assert isinstance(raised[0], RunnerFailed)
    assert number.name in raised[0].what and "the timed runs" in raised[0].what
    assert log in raised[0].why


def test_a_process_that_hangs_is_ended_at_its_deadline() -> None:
    began = time.monotonic()
    with endless_run(deadline_s=6.0) as raised:
        workers(os.getpid())[0].suspend()
    assert isinstance(raised[0], RunnerFailed)
    assert "still running after 6 s" in raised[0].what and "the timed runs" in raised[0].what
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("reply", ["", "{", "null", "[]", '{"report": null}', "\udcff",
                                   '{"report": {"load_ns": 1}, "failure": null}',
                                   '{"report": null, "failure": null, "more": 1}'])
def test_a_garbage_reply(tmp_path: Path, reply: str) -> None:
    (tmp_path / "reply.json").write_bytes(reply.encode("utf-8", "surrogateescape"))
    (tmp_path / "log").write_text("noise")
    with pytest.raises(RunnerFailed, match="answered nonsense"):
        _answer(Job(Path("model.pte"), "pte", "infer"), Exchange(tmp_path), 0)


def test_a_good_reply_without_its_outputs_is_no_good_reply(tmp_path: Path) -> None:
    """The outputs are cut off; the report before them is whole."""
    from ghostdeploy.device import records
    from ghostdeploy.device.exchange import Reply

    run = LocalDevice().run(Job(small("tflite").path, "tflite", "infer"), [(images(1),)])
    exchange = Exchange(tmp_path)
    exchange.put_reply(Reply(run.report, None))
    exchange.put_outputs(run.outputs)
    exchange.log.write_text("")
    job = Job(small("tflite").path, "tflite", "infer")
    assert records.to_json(_answer(job, exchange, 0).report) == records.to_json(run.report)
    whole = (tmp_path / "outputs.npz").read_bytes()
    (tmp_path / "outputs.npz").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(RunnerFailed, match="answered nonsense"):
        _answer(job, exchange, 0)


def test_no_room_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR is often another disk than the output: the error names it, and nothing stays there."""
    artifact = small("tflite").path
    with small_disk(tmp_path, "16k") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(WriteFailed, match="temporary directory") as caught:
            LocalDevice().run(Job(artifact, "tflite", "infer"), [(images(1),)])
        assert str(disk) in caught.value.what and "No space left" in caught.value.why and "TMPDIR" in caught.value.next
        assert os.listdir(disk) == []


def test_no_room_for_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, met by the process that runs the artifact: its input fits, its output does not."""
    path = directory() / "wide.onnx"
    wide = torch.nn.Conv2d(3, 64, 1)
    torch.onnx.export(wide, (torch.from_numpy(images(1)),), path, dynamo=False)
    with small_disk(tmp_path, "200k") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(WriteFailed, match="temporary directory") as caught:
            LocalDevice().run(Job(path, "onnx", "infer"), [(images(1),)])
        assert str(disk) in caught.value.what and os.listdir(disk) == []


def bench(tmp_path: Path) -> subprocess.Popen[str]:
    process = start("bench", small("tflite").path, "--device", "local", "--runs", "100000", "--rounds", "1000",
                    "-o", tmp_path / "result.json", TMPDIR=str(tmp_path))
    wait_for(lambda: timing_now(process.pid))
    return process


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    process = bench(tmp_path)
    running = workers(process.pid)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "[interrupted]" in stderr and "Traceback" not in stderr
    assert running and not any(worker.is_running() for worker in running)
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_killed_outright_takes_its_worker_along(tmp_path: Path) -> None:
    process = bench(tmp_path)
    running = workers(process.pid)
    process.kill()
    process.wait(PATIENCE_S)
    wait_for(lambda: not any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in running))
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
