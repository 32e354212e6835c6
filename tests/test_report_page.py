"""The report page: its numbers are the results' own, it needs nothing from outside, and a real browser draws it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ghostdeploy.benchmark import save_all
from ghostdeploy.benchmark.result import Result
from ghostdeploy.lowering.artifact import Delegation
from ghostdeploy.report.page import page
from tests.browser import rendered, screenshot
from tests.commands import ghostdeploy
from tests.synthetic_results import synthetic

BASE = synthetic()


def result(seed: int = 0, *, valid: bool = True, **model: Any) -> Result:
    made = synthetic(seed=seed)
    return replace(made, model=replace(made.model, **model), summary=replace(made.summary, valid=valid))


def phone(of: Result, serial: str = "R58M123ABC") -> Result:
    return replace(of, device=replace(of.device, kind="android", serial=serial, manufacturer="Acme", model="One"))


OUTSIDE = Delegation(2, 100, 3, {"aten.softmax": 3})
SEVERAL = (
    result(1, name="ghostnetv3_100", card="ghostnetv3_100", delegation=OUTSIDE),
    result(2, name="ghostnetv3_100", card="ghostnetv3_100", format="tflite", file="model.fp32.tflite"),
    phone(result(3, name="mobilenetv2_100", card="mobilenetv2_100", weights="random")),
    phone(result(4, name="mobilenetv2_100", card="mobilenetv2_100", valid=False), "ANOTHER"),
)


class Page(HTMLParser):
    """Tags with their attributes, in order, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def figures(text: str) -> list[str | None]:
    return [attributes.get("id") for tag, attributes in Page(text).tags if tag == "figure"]


def test_the_numbers_are_those_of_the_results() -> None:
    found = Page(page(SEVERAL)).tags
    cells = [(a["data-key"], float(a["data-value"] or "nan")) for _, a in found if "data-key" in a]
    keys = ("median_ms", "p90_ms", "p99_ms", "min_ms", "first_ms", "load_ms")
    assert cells == [(key, getattr(r.summary, key)) for r in SEVERAL for key in keys]


def test_size_and_memory_are_those_of_the_results_and_say_what_a_runtime_adds() -> None:
    text = page(SEVERAL)
    cells = [(a["data-memory"], a["data-value"]) for _, a in Page(text).tags if "data-memory" in a]
    keys = ("idle_rss_kb", "load_rss_kb", "first_rss_kb", "last_rss_kb", "peak_rss_kb")
    assert cells == [(key, str(getattr(r.memory, key))) for r in SEVERAL for key in keys]
    assert "libexecutorch_jni.so of react-native-executorch 0.9.3 (arm64-v8a) adds 22.9 MB, 6.7 compressed" in text
    assert "libtensorflowlite_jni.so of react-native-fast-tflite 1.4.0 (arm64-v8a) adds 3.8 MB, 1.5 compressed" in text
    assert "not measured" in page([replace(BASE, memory=None)])


def test_the_data_inside_are_the_results_without_their_samples() -> None:
    inside = re.search(r'id="results">(.*?)</script>', page(SEVERAL), re.DOTALL)
    assert inside is not None
    for document, original in zip(json.loads(inside.group(1)), SEVERAL, strict=True):
        assert document["summary"] == original.document()["summary"]
        assert document["device"] == original.document()["device"]


def test_nothing_comes_from_outside() -> None:
    text = page(SEVERAL)
    drawn = re.sub(r'xmlns(:\w+)?="[^"]+"', "", text)
    assert not re.findall(r'(?:src|href)="(?!#|data:,)[^"]+"', drawn)
    assert "url(http" not in drawn and "@import" not in drawn
    assert "<script>" not in text


def test_every_plot_is_there() -> None:
    assert figures(page(SEVERAL)) == ["distributions", "time-0", "time-1", "time-2", "time-3", "accuracy-latency",
                                      "accuracy-flops"]
    assert figures(page([BASE])) == ["distributions", "time-0"]


def test_what_is_labelled() -> None:
    text = Page(page(SEVERAL)).text
    assert "random weights: latency only" in text and "not to be quoted" in text and "aten.softmax ×3" in text
    assert "output not checked" in Page(page([synthetic(golden=False)])).text


def test_an_emulated_phone_has_no_latency() -> None:
    emulated = replace(BASE, device=replace(BASE.device, emulated=True))
    text = page([emulated])
    assert "emulated: no latency" in text and "data-key" not in text and figures(text) == []


def test_published_values_carry_their_source_and_missing_ones_are_empty() -> None:
    text = Page(page(SEVERAL)).text
    assert "7.81" in text and "Kirin 9000" in text and "GhostNetV3 1.0x, phone:" in text
    assert "MobileNetV2 1.0x, CPU:" not in text


def test_two_computers_have_a_column_each() -> None:
    """Both are called local; what tells them apart is what they are."""
    other = replace(SEVERAL[0], device=replace(BASE.device, soc="Another CPU"),
                    summary=replace(BASE.summary, median_ms=9))
    table = page([SEVERAL[0], other]).split('id="published"')[1].split("</table>")[0]
    assert table.count("lowest fp32 ms") == 2 and "<td>9.00</td>" in table and table.count("<td>5.00</td>") == 1


def test_what_happened_to_a_phone_is_written_into_the_plot() -> None:
    first, *others = BASE.rounds
    hot = replace(first, before=replace(first.before, thermal_status=0), after=replace(first.after, thermal_status=2),
                  discarded="throttled")
    drawn = page([replace(BASE, rounds=(hot, *others))])
    assert "thermal status 0 → 2" in drawn and "made again" in drawn


def test_names_cannot_break_out() -> None:
    nasty = "</script><img src=x onerror=alert(1)>&$x^2$"
    text = page([result(name=nasty, file=nasty), result(1)])
    assert "<img" not in text and text.count("</script>") == 1


def test_the_same_results_give_the_same_plots() -> None:
    drawn = [re.findall(r"<svg.*?</svg>", page(SEVERAL), re.DOTALL) for _ in range(2)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 7


@pytest.mark.browser
def test_a_browser_draws_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(SEVERAL))
    made = rendered(path)
    assert made.console == ()
    assert figures(made.dom) == figures(path.read_text()) and made.dom.count("<svg") == 7
    cells = [a["data-value"] for _, a in Page(made.dom).tags if "data-key" in a]
    assert cells[0] == str(SEVERAL[0].summary.median_ms)


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "paper", "ink"), [(1, 255, 40), (0, 22, 220)], ids=["light", "dark"])
def test_it_follows_the_readers_scheme(tmp_path: Path, scheme: int, paper: int, ink: int) -> None:
    """Blink counts dark as 0 and light as 1. Plots come first here, so that their ink is on the picture too."""
    path = tmp_path / "report.html"
    path.write_text(page([BASE]).replace("<h1>", "<style>body > :not(figure) { display: none }</style><h1>"))
    shot = screenshot(path, f"--blink-settings=preferredColorScheme={scheme}")
    assert abs(int(shot.getpixel((2, 2))) - paper) < 8
    darkest, brightest = shot.getextrema()
    assert darkest < ink if scheme else brightest > ink


@pytest.mark.browser
def test_a_browser_says_so_when_a_page_is_wrong(tmp_path: Path) -> None:
    """The check above can fail: what the policy of the page refuses is on the console."""
    path = tmp_path / "wrong.html"
    path.write_text(page([BASE]).replace("</body>", "<script>nonsense(</script></body>"))
    assert rendered(path).console


def test_the_command(tmp_path: Path) -> None:
    save_all(SEVERAL[:2], tmp_path / "a.json")
    BASE.save(tmp_path / "b.json")
    ended = ghostdeploy("report", tmp_path / "a.json", tmp_path / "b.json", "-o", tmp_path / "page.html")
    assert ended.code == 0 and "3 result(s)" in ended.stdout
    assert figures((tmp_path / "page.html").read_text())[:2] == ["distributions", "time-0"]
    assert ghostdeploy("report", tmp_path / "a.json", "-o", tmp_path / "p.html", "--json").json["results"] == 2
    ghostdeploy("report", tmp_path / "none.json").assert_clean_error("file-missing", 3)
