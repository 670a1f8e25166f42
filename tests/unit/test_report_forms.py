"""The report's forms: a page that loads nothing, Markdown and terminal lines that nobody's names can break out of."""

import json
import re
from html.parser import HTMLParser

import pytest

from tasks.gate.evidence import Finding, Verdict
from tasks.gate.report import Report
from tasks.gate.report_markdown import plan_markdown
from tasks.gate.report_text import clean, plan_lines, rehearsal_lines, seen
from tests.unit import sample_evidence as evidence
from tests.unit import sample_releases as sample
from tests.unit.sample_releases import report

HOSTILE = "<script>alert('x')</script> <!channel> @here |`*[a](http://evil)\x1b[31m"


@pytest.fixture
def shipped() -> Report:
    return report(sample.shipped(), manifest=evidence.manifest(), chain_problems=())


@pytest.fixture
def brought_back() -> Report:
    return report(sample.brought_back(), manifest=evidence.manifest())


class Page(HTMLParser):
    """Collects what a browser would load, run or follow."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "action", "data"} and not (value or "").startswith(("#", "data:")):
                self.outside.append(f"{tag} {name}={value}")
            if name.startswith("on"):
                self.outside.append(f"{tag} {name}")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_record_that_ends_anywhere_can_be_reported() -> None:
    for events in (sample.shipped(), sample.brought_back(), sample.refused()):
        for length in range(len(events) + 1):
            made = report(events[:length])
            assert made.text()
            assert made.markdown()
            Page(made.html())
            assert json.dumps(made.document)


def test_the_page_is_whole_and_loads_runs_and_follows_nothing(shipped: Report, brought_back: Report) -> None:
    for made in (shipped, brought_back):
        page = Page(made.html())
        assert page.outside == []
        assert page.open == []
        assert not {"script", "iframe", "img", "form", "object"} & set(page.tags)
        assert "default-src 'none'" in made.html()
        assert "prefers-color-scheme" in made.html()


def test_what_people_and_databases_named_is_text_in_every_form() -> None:
    migration = evidence.migration(tag=HOSTILE, statements=(f"SELECT '{HOSTILE}';",))
    finding = Finding(
        check="x", title=HOSTILE, verdict=Verdict.FAIL, sentence=HOSTILE, evidence=(HOSTILE,), hint=HOSTILE
    )
    this = evidence.plan(pending=(migration,), hazards=(HOSTILE,))
    events = sample.chain(
        sample.opened(by=HOSTILE, host=HOSTILE),
        ("planned", 1.0, {"plan": this.model_dump(mode="json")}),
        ("checked", 1.0, {"findings": [finding.model_dump(mode="json")]}),
        ("refused", 1.0, {"sentence": HOSTILE}),
        sample.closed("refused", HOSTILE, 3),
    )
    made = report(events)
    page = Page(made.html())
    assert page.outside == []
    assert "script" not in page.tags
    assert "\x1b" not in made.html() + made.text() + made.markdown()
    markdown = made.markdown()
    outside_code = re.sub(r"(?ms)^(`{3,}).*?^\1$", "", markdown)
    assert "<script" not in outside_code
    assert "<!channel" not in outside_code
    assert "@here" not in outside_code
    assert "[a](http" not in outside_code


def test_a_code_fence_cannot_be_closed_from_inside() -> None:
    text = plan_markdown(evidence.plan(pending=(evidence.migration(statements=("SELECT 1; -- ````\n````\n# out",)),)))
    assert "`````sql" in text


def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head(shipped: Report) -> None:
    columns = 0
    for line in shipped.markdown().splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        columns = columns or cells
        assert cells == columns, line


def test_a_terminal_of_eighty_columns_is_never_overrun(shipped: Report, brought_back: Report) -> None:
    for made in (shipped, brought_back):
        assert [line for line in made.text(width=80).splitlines() if seen(line) > 80 and not _verbatim(line)] == []
        assert all(line == line.rstrip() for line in made.text(width=80).splitlines())


def _verbatim(line: str) -> bool:
    return line.startswith("  | ") or "sha256 " in line


def test_long_content_is_cut_honestly() -> None:
    many = evidence.rehearsal(statements=32)
    lines = "\n".join(rehearsal_lines(many))
    assert "… 2 more statements, `--json` has them" in lines
    wide = evidence.plan(pending=(evidence.migration(statements=tuple(f"SELECT {i};" for i in range(40))),))
    assert "… 67 more lines, `--json` has them" in "\n".join(plan_lines(wide))
    assert "more lines" not in plan_markdown(wide)


def test_only_the_last_applied_migrations_are_listed_and_the_others_counted() -> None:
    text = "\n".join(plan_lines(evidence.plan(applied=300)))
    assert "… 295 earlier migrations" in text
    assert "0299_earlier" in text
    assert "0294_earlier" not in text


def test_control_characters_and_wide_letters_keep_the_columns() -> None:
    assert clean("a\x1b[2Jb\u202ec\nd") == "a�[2Jb�c d"
    assert seen("日本") == 4
    assert seen("e\u0301") == 1
