"""Tables in Markdown, for cards, the README and the benchmarks."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown.

    Args:
        header: Titles of the columns.
        rows: Cells, a sequence for each row.

    Example:
        >>> print(table(["term", "nats"], [["kl", 1.5]]))
        | term | nats |
        | --- | --- |
        | kl | 1.5 |
    """
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
