"""`Link.run`, both ways, on phones of three generations."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ghostdeploy.device.adb import command
from tests.adb.fake import FakePhone
from tests.adb.ways import GENERATIONS, Way, generations

NASTY = ["", " ", "a b", "it's", '"', "$HOME", "`id`", "$(id)", "\\", "a\\nb", "*", "~", "-n", "&", ";", "\n", "é", "!",
         "#"]


@generations
def test_the_exit_status_is_the_command_s_own(way: Way, tmp_path: Path, generation: str) -> None:
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        link = way(phone)
        for status in (0, 1, 7, 126, 127, 255):
            assert link.run(("sh", "-c", 'exit "$1"', "sh", str(status))).status == status
        assert link.run(("/no/such/program",)).status == 127
        assert link.run(("sh", "-c", "kill -9 $$")).status == 137


@generations
def test_words_arrive_as_they_are(way: Way, tmp_path: Path, generation: str) -> None:
    """Each is quoted once: nothing in them is read by a shell."""
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        done = way(phone).run(("sh", "-c", r'for word in "$@"; do printf "%s|" "$word"; done', "sh", *NASTY))
        assert (done.status, done.text) == (0, "".join(f"{word}|" for word in NASTY))


def test_both_outputs_are_told_apart_where_the_phone_can(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        done = way(phone).run(("sh", "-c", "echo out; echo err >&2"))
        assert (done.out, done.err) == (b"out\n", b"err\n")


def test_both_outputs_come_as_one_where_it_cannot(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path, **GENERATIONS["android-6"]) as phone:
        done = way(phone).run(("sh", "-c", "echo out; echo err >&2; exit 3"))
        assert (done.status, done.out, done.err) == (3, b"out\nerr\n", b"")


@pytest.mark.parametrize("generation", ["modern", "android-6"])
def test_output_is_not_translated(way: Way, tmp_path: Path, generation: str) -> None:
    """Android 6 turns \\n into \\r\\n in `shell:`; `exec:` passes bytes as they are."""
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        assert way(phone).run(("printf", r"a\r\n\000\377")).out == b"a\r\n\0\xff"


def test_lines_end_in_newlines_also_on_a_terminal(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path, **GENERATIONS["android-4"]) as phone:
        assert way(phone).run(("printf", r"a\nb\n")).out == b"a\nb\n"


@generations
def test_output_without_a_last_newline(way: Way, tmp_path: Path, generation: str) -> None:
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        assert way(phone).run(("printf", "x")).out == b"x"


@generations
def test_nothing_comes_on_stdin(way: Way, tmp_path: Path, generation: str) -> None:
    """A command that reads would otherwise wait for ever."""
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        assert way(phone).run(("cat",), deadline_s=5).out == b""


@generations
def test_a_line_of_any_length(way: Way, tmp_path: Path, generation: str) -> None:
    """adb's own server dies of a service's name that does not fit the phone's packets."""
    long = "".join(f"{n} it's " for n in range(5000))
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        done = way(phone).run(("sh", "-c", 'printf %s "$1"; cat; exit 5', "sh", long), deadline_s=10)
        assert (done.status, done.text) == (5, long)
        assert max(len(name) for name in phone.opened) < command.LONGEST_SERVICE


def test_every_length_around_the_limit(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path, **GENERATIONS["android-4"]) as phone:
        link = way(phone)
        for length in range(command.LONGEST_SERVICE - 200, command.LONGEST_SERVICE + 20, 7):
            assert len(link.run(("printf", "%s", "x" * length), deadline_s=10).out) == length
        assert max(len(name) for name in phone.opened) <= command.LONGEST_SERVICE


@generations
def test_much_output(way: Way, tmp_path: Path, generation: str) -> None:
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        done = way(phone).run(("head", "-c", "3000000", "/dev/zero"), deadline_s=20)
        assert done.out == bytes(3_000_000)


def test_the_mark_cannot_be_met_by_accident(way: Way, tmp_path: Path) -> None:
    """What a command prints of an earlier mark is output."""
    with FakePhone(tmp_path, **GENERATIONS["android-6"]) as phone:
        link = way(phone)
        link.run(("true",))
        earlier = next(name for name in phone.opened if "ghost-" in name).partition("echo ")[2].partition(":")[0]
        done = link.run(("sh", "-c", 'echo "$1:0"; exit 4', "sh", earlier))
        assert (done.status, done.text) == (4, f"{earlier}:0\n")


def test_a_detached_job_does_not_hold_the_call(way: Way, tmp_path: Path) -> None:
    script = "setsid sh -c 'sleep 60' </dev/null >/dev/null 2>&1 & echo $!"
    with FakePhone(tmp_path) as phone:
        began = time.monotonic()
        done = way(phone).run(("sh", "-c", script), deadline_s=10)
        assert done.text.strip().isdigit() and time.monotonic() - began < 5


@pytest.mark.parametrize("words", [(), ("echo", "a\0b")])
def test_what_is_no_command_line(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no command line"):
        command.line(words)
