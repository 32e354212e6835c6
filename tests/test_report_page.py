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
from ghostdeploy.benchmark.curve import Slice, Sustained
from ghostdeploy.benchmark.result import Result
from ghostdeploy.lowering.artifact import Delegation, TensorSpec
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
    result(5, name="mobilenetv2_100", card="mobilenetv2_100", file="other.pte", valid=False),
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
    keys = ("median_ms", "p90_ms", "p99_ms", "min_ms", "mean_ms", "std_ms", "first_ms", "load_ms")
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
    assert figures(page(SEVERAL)) == ["distributions", "time-0", "time-1", "time-2", "time-3",
                                      "time-4", "accuracy-latency-0", "flops-latency-0", "accuracy-flops"]
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


def test_only_what_was_measured_at_the_cards_own_size_stands_beside_the_paper() -> None:
    small = replace(SEVERAL[0], model=replace(SEVERAL[0].model, inputs=(TensorSpec("x", (1, 3, 64, 64), "float32",
                                                                                   "nchw"),)))
    assert 'id="published"' not in page([small])
    whole = replace(small, model=replace(small.model, inputs=(TensorSpec("x", (1, 224, 224, 3), "float32", "nhwc"),)))
    assert 'id="published"' in page([whole])


def test_a_latency_that_may_not_be_quoted_is_marked_and_never_taken_for_one_that_may() -> None:
    quick = replace(SEVERAL[4], summary=replace(SEVERAL[4].summary, median_ms=1.0))
    table = page([quick, SEVERAL[0]]).split('id="published"')[1].split("</table>")[0]
    assert "<td>1.00 *</td>" in table and "<td>5.00</td>" in table
    good = replace(quick, summary=replace(quick.summary, median_ms=7.0, valid=True))
    assert "<td>7.00</td>" in page([quick, good]).split('id="published"')[1].split("</table>")[0]


def test_devices_tell_equal_names_apart_in_the_distributions() -> None:
    text = page([phone(result(1)), phone(result(2), "ANOTHER")])
    drawn = text.split('id="distributions"')[1].split("</figure>")[0]
    assert "R58M123ABC" in drawn and "ANOTHER" in drawn


def test_clocks_and_temperature_of_a_curve_are_drawn() -> None:
    state = replace(BASE.rounds[0].before, thermal=41.0, clocks_khz=(1_800_000, None))
    curve = Sustained(0.5, state, tuple(Slice(10.0 * i, 100, 10.0, 5.0, 6.0, state) for i in range(3)), 200.0, 190.0)
    drawn = page([replace(BASE, sustained=curve)]).split('id="sustained-0"')[1].split("</figure>")[0]
    assert "°C" in drawn and "GHz" in drawn


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
    assert drawn[0] == drawn[1] and len(drawn[0]) == 9


@pytest.mark.browser
def test_a_browser_draws_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(SEVERAL))
    made = rendered(path)
    assert made.console == ()
    assert figures(made.dom) == figures(path.read_text()) and made.dom.count("<svg") == 9
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
    assert ended.code == 0 and "3 results" in ended.stdout
    assert figures((tmp_path / "page.html").read_text())[:2] == ["distributions", "time-0"]
    assert ghostdeploy("report", tmp_path / "a.json", "-o", tmp_path / "p.html", "--json").json["results"] == 2
    ghostdeploy("report", tmp_path / "none.json").assert_clean_error("file-missing", 3)
