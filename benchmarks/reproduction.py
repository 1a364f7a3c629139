"""All rows of the table of published numbers, recomputed.

`python -m benchmarks.reproduction [row ...]`: each figure from the bundled
weights and the real data, beside the recorded one. The last row of the table
has a benchmark of its own, `benchmarks.frechet`.
"""

import argparse

from benchmarks import common
from keras_ae.cli import tables
from keras_ae.core import markdown
from keras_ae.zoo import reproduction


def main() -> None:
    """Recompute, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", help="keys (default: all)")
    arguments = parser.parse_args()
    rows = [reproduction.find(key) for key in arguments.rows]
    results, lines = {}, []
    every = filter(reproduction.is_kept, reproduction.recorded_rows())
    for row in rows or every:
        result = reproduction.recompute(row)
        head, (line,) = tables.reproduced(result)
        lines.append([row.key, *line])
        results[row.key] = {
            "preset": row.preset,
            "found": result.found[row.figure],
            "recorded": result.recorded[row.figure],
            "reproduced": result.reproduced,
            "published": row.published,
            "verdict": reproduction.verdict(row, result.found),
            "seconds": round(result.seconds, 1),
        }
    if results:
        print(markdown.table(["row", *head], lines))
    common.write("reproduction", {"rows": results})


if __name__ == "__main__":
    main()
