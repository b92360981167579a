"""Tables keep their headings and numbers where the terminal is too narrow for them."""

from asgn.cli.tables import new_table, print_table

HEADINGS = ("expressions", "oIoU", "mIoU", *(f"Pr@0.{tenth}" for tenth in range(5, 10)))


def test_a_table_wider_than_the_terminal_is_printed_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    table = new_table("scores", ("phrases", "why"), HEADINGS)
    table.add_row("shuffled", "of another object of the same image", *["100.00"] * len(HEADINGS))
    print_table(table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["phrases", "why", *HEADINGS]
    assert " ".join(lines).count("100.00") == len(HEADINGS)
    assert "…" not in "".join(lines)
    assert len(lines) > 5  # text is what wraps
