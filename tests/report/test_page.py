"""The page: whole, safe, alone, and never staler than what it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.report.conftest import figures, row, write_folder
from tests.report.hundred import many
from vtoncompress.record import Record, read_all, write
from vtoncompress.report.content import Experiment, gather
from vtoncompress.report.write import write_comparison, write_report


class Elements(HTMLParser):
    """Every element with its attributes, and whether all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "input", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_folder(tmp_path_factory.mktemp("results") / "mine")
    return write_report(folder, read_all(folder))


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text()


def test_it_asks_nobody_for_anything(text: str) -> None:
    loads = [(tag, value) for tag, attrs in Elements(text).found for name, value in attrs.items()
             if name in ("src", "srcset", "data", "poster") or (name == "href" and tag == "link")]  # fmt: skip
    assert loads
    assert all(value is not None and value.startswith("data:") for _, value in loads)
    assert "url(#" in text  # of clips within a figure
    assert not re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", text)


def test_links_within_it_and_beside_it_lead_somewhere(text: str, page: Path) -> None:
    elements = Elements(text).found
    names = {attrs["id"] for _, attrs in elements if attrs.get("id")}
    for tag, attrs in elements:
        target = attrs.get("href") or attrs.get("xlink:href") or ""
        if target.startswith("#"):
            assert target[1:] in names, target
        elif tag == "a" and not target.startswith("table."):
            assert (page.parent / target).exists(), target


def test_a_point_leads_to_its_row_on_this_page_and_says_so(text: str) -> None:
    links = [attrs for tag, attrs in Elements(text).found if tag == "a" and attrs.get("xlink:href")]
    assert links
    for attrs in links:
        assert attrs.keys() == {"xlink:href", "aria-label"}
        assert attrs["aria-label"] == f"row {attrs['xlink:href'].removeprefix('#row-')}"  # type: ignore[union-attr]


def test_names_are_used_once(text: str) -> None:
    names = [attrs["id"] for _, attrs in Elements(text).found if "id" in attrs]
    assert len(names) == len(set(names))


def test_text_of_records_is_no_markup(text: str) -> None:
    assert "failed: &lt;b&gt;no&lt;/b&gt; memory &amp; no time" in text
    assert "A &lt;b&gt;CPU&lt;/b&gt;" in text
    assert "<b>no</b>" not in text


def test_every_row_is_there_with_what_it_is_sorted_and_filtered_by(text: str) -> None:
    rows = {attrs["id"]: attrs for tag, attrs in Elements(text).found if tag == "tr" and "id" in attrs}
    assert len(rows) == 7
    assert rows["row-broken"]["data-status"] == "failed"
    assert rows["row-int8"]["data-quantization"] == "nncf_ptq"
    assert "best" in str(rows["row-int8"]["class"])
    assert "best" not in str(rows["row-dense"]["class"])
    assert 'data-key="0.8398">0.840<' in text
    assert re.findall(r'<select name="(\w+)"', text) == ["role", "status", "pruning_ratio"]


def test_figures_lie_beside_it_and_those_of_rows_that_are_no_more_go(folder: Path) -> None:
    (folder / "figures").mkdir()
    (folder / "figures" / "old.svg").write_text("<svg/>")
    write_report(folder, read_all(folder))
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"pareto_latency_ms_p50.svg", "pareto_size_mib.png", "ratio_generator.svg"} <= names
    assert "old.svg" not in names
    assert all((folder / "figures" / name).with_suffix(".png").read_bytes()[:4] == b"\x89PNG" for name in names)


def test_it_is_drawn_again_only_where_something_changed(
    folder: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = write_report(folder, records)
    before = page.read_text()
    with monkeypatch.context() as patch:
        patch.setattr("vtoncompress.report.write.gather", None)
        write_report(folder, records)
    write(replace(records[2], values=figures(0.84, 29, 18, 1.2)), folder)
    write_report(folder, read_all(folder))
    assert page.read_text() != before


def test_the_same_records_give_the_same_page(folder: Path) -> None:
    page = write_report(folder, read_all(folder))
    before = page.read_bytes()
    page.unlink()
    assert write_report(folder, read_all(folder)).read_bytes() == before


def test_protocols_stand_apart(folder: Path) -> None:
    other = row("other", figures(0.5, 9, 9, 1.0), pairs=7, order=9)
    write(other, folder)
    text = write_report(folder, read_all(folder)).read_text()
    tables = text.split('class="sortable"')[1:]
    assert len(tables) == 2
    assert 'id="row-other"' not in tables[0]
    assert 'id="row-other"' in tables[1]


def test_two_experiments_on_one_page(folder: Path, records: list[Record], command: Command) -> None:
    second = folder.parent / "yours"
    for one in (replace(records[2], values=figures(0.8, 25, 17, 1.2)), replace(records[4], pairs=99)):
        write(one, second)
    done = command("report", "compare=[mine,yours]", f"results={folder.parent}")
    assert (done.code, done.err) == (0, "")
    page = folder.parent / "compared" / "mine+yours" / "report.html"
    assert done.out.strip() == str(page)
    text = page.read_text()
    links = [str(attrs["href"]) for tag, attrs in Elements(text).found if tag == "a" and "href" in attrs]
    assert [link for link in links if not link.startswith("#") and not (page.parent / link).exists()] == []
    assert {"row-mine.dense", "row-yours.dense"} <= {attrs.get("id") for _, attrs in Elements(text).found}
    assert re.search(r">dense</th><td>garment SSIM</td><td>0.8402</td><td>0.8</td><td>-0.0402</td>", text)
    assert re.search(r">pruned20</th><td[^>]*>mine.*can&#39;t be compared: pairs is 6", text) or re.search(
        r">pruned20</th><td[^>]*>pruned20 and pruned20 can&#39;t be compared: pairs is 6 for the one and 99", text
    )


def test_times_of_two_machines_are_not_compared(folder: Path, records: list[Record]) -> None:
    theirs = replace(records[2], values=figures(0.8, 25, 17, 1.2), trust=records[2].trust | {"cpu": "another CPU"})
    write(theirs, folder.parent / "yours")
    text = write_comparison(folder.parent, ["mine", "yours"]).read_text()
    assert re.search(r">dense</th><td>deployed size \(MiB\)</td><td>18</td><td>17</td>", text)
    assert not re.search(r">dense</th><td>latency", text)
    assert "times are of two machines, and not compared" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "say either experiment=NAME or compare=[one,another]"),
        (("experiment=mine", "compare=[mine,mine]"), "say either experiment=NAME or compare=[one,another]"),
        (("compare=[mine]",), "compare=[mine]: name two experiments"),
        (("compare=1",), "compare=1: name two experiments, compare=[one,another]"),
        (("compare=ab",), "compare=ab: name two experiments, compare=[one,another]"),
        (("experiment=1",), "1 has no records"),
        (("compare=[mine,mine]",), "both experiments are called mine: name two of different names"),
        (("compare=[mine,nobody]",), "nobody has no records"),
        (("experiment=nobody",), "nobody has no records"),
    ],
)
def test_a_mistake_is_one_line(folder: Path, command: Command, arguments: tuple[str, ...], message: str) -> None:
    done = command("report", *arguments, f"results={folder.parent}")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_long_names_of_a_search_are_told_apart_in_a_comparison(folder: Path, records: list[Record]) -> None:
    ends = ("a" * 110 + "-0.2", "a" * 110 + "-0.7")
    for end in ends:
        write(replace(records[2], variant=end), folder.parent / "yours")
    compared = [Experiment(one, read_all(one)) for one in (folder, folder.parent / "yours")]
    cut = [one.variant for one in gather(compared).records if one.variant.startswith("yours.")]
    assert len({*cut}) == 2
    assert {name[-4:] for name in cut} == {"-0.2", "-0.7"}
    assert all(len(name) == 120 for name in cut)


def test_a_comparison_needs_no_pictures(folder: Path, records: list[Record]) -> None:
    write(replace(records[2], variant="elsewhere"), folder.parent / "yours")
    text = write_comparison(folder.parent, ["mine", "yours"]).read_text()
    assert "No row of the one has the name of a row of the other" in text


@pytest.mark.slow
def test_a_page_of_a_hundred_variants_is_small_enough_to_be_sent(tmp_path: Path) -> None:
    folder = tmp_path / "hundred"
    page = write_report(folder, many(100, folder))
    assert page.stat().st_size < 15e6
    assert len(Elements(page.read_text()).found) > 2000
