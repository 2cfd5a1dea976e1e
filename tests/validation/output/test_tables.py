"""A table for a terminal: columns where they fit, records where they do not, nothing cut off."""

from hypothesis import given
from hypothesis import strategies as st

from validation.output.tables import Table, formatted

CELL = st.text("abc 0123456789.", max_size=30).map(lambda text: " ".join(text.split()))
TABLES = st.integers(1, 5).flatmap(
    lambda columns: st.builds(
        Table,
        st.just("A title"),
        st.tuples(*[st.just(f"head {i}") for i in range(columns)]),
        st.lists(st.tuples(st.from_regex(r"[a-z]{1,20}", fullmatch=True), *[CELL] * (columns - 1))),
    )
)


@given(TABLES, st.integers(20, 200))
def test_every_cell_is_there_whatever_the_width(table, width):
    text = formatted(["A sentence."], [table], "text", width)
    for row in table.lines:
        for cell in row:
            assert cell in text
    # A single cell may be wider than the terminal; columns never are.
    lines = text.splitlines()
    heads = [line for line in lines if line.split() == " ".join(table.header).split()]
    assert all(len(line) <= width for line in heads)


def test_a_narrow_terminal_gets_a_record_a_line():
    table = Table("Scores", ("method", "k = 8", "k = 21"), [("spectral", "48.0 ± 10.0", "90.4")])

    wide = formatted(["All of it.", "A finding."], [table], "text", 80)
    narrow = formatted(["All of it.", "A finding."], [table], "text", 20)

    assert wide.splitlines() == [
        "All of it.", "", "- A finding.", "", "Scores", "",
        "method          k = 8  k = 21",
        "spectral  48.0 ± 10.0    90.4",
    ]  # fmt: skip
    assert narrow.splitlines()[6:] == ["spectral", "  k = 8   48.0 ± 10.0", "  k = 21  90.4"]
    assert "|" not in narrow
