"""The sections of a dbmate file: found by their markers alone, and refused unless there is one of each, in order."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.dbmate.sections import MARKER, sections

# Lines that are no markers, so that a file has exactly those that the test writes.
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).filter(
    lambda line: not MARKER.search(line)
)
BODIES = st.lists(LINES, max_size=5).map("\n".join).filter(lambda body: not MARKER.search(f"\n{body}\n"))
COMMENTS = st.lists(st.sampled_from(["", "  ", "-- why", "  -- and what"]), max_size=3).map("\n".join)


@given(
    COMMENTS, BODIES, BODIES, st.sampled_from(["", " transaction:false", " transaction:true", " x:y transaction:false"])
)
def test_what_stands_below_each_marker_is_its_section(before: str, up: str, down: str, options: str):
    text = f"{before}\n-- migrate:up{options}\n{up}\n-- migrate:down\n{down}"
    found = sections(text)
    assert found.defect == ""
    assert (found.up, found.down) == (f"\n{up}\n", f"\n{down}")
    assert found.alone == ("transaction:false" in options)


@given(st.lists(st.sampled_from(["-- migrate:up", "--migrate:down", "select 1;", "", "-- x"]), max_size=6))
def test_any_other_order_of_lines_is_refused_with_a_remedy(lines: list[str]):
    found = sections("\n".join(lines))
    markers = [line for line in lines if "migrate" in line]
    fine = markers == ["-- migrate:up", "--migrate:down"] and "select 1;" not in lines[: lines.index("-- migrate:up")]
    assert (found.defect == "") == fine
    assert bool(found.remedy) != fine
