"""Count matrices of cells and genes: `.h5ad` (AnnData) and plain `.h5`."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from keras_ae.data import arrays
from keras_ae.data import problems

#: Where AnnData keeps whole counts, first hit wins.
PLACES = ("X", "layers/counts", "raw/X")


def read(
    path: Path, *, key: str | None = None, counts: bool = True
) -> tuple[np.ndarray | sparse.csr_matrix, np.ndarray | None]:
    """The matrix of a file, dense or sparse, and the names of its cells.

    Args:
        path: File; of AnnData, `X` is taken, or `layers/counts` or `raw/X`,
            whichever holds whole counts.
        key: Name of a data set or group instead.
        counts: Whether the values have to be counts.

    Reference: AnnData, on-disk format.
        https://anndata.readthedocs.io/en/latest/fileformat-prose.html
    """
    expected = "an HDF5 file with a matrix X, cells by genes"
    with problems.reading(path, expected, OSError, KeyError):
        with h5py.File(path) as file:
            where = [key] if key is not None else PLACES
            found = [name for name in where if name in file]
            if not found:
                raise problems.unreadable(
                    path,
                    f"a matrix under {' or '.join(where)}",
                    f"the names {problems.listed(sorted(file), 20) or 'none'}",
                    "Choose one by key=NAME (--key NAME).",
                )
            for name in found:
                rows = _matrix(path, file[name], name)
                if not counts or whole(rows):
                    return rows, _names(file, rows.shape[0])
            raise problems.unreadable(
                path,
                "counts: whole numbers, 0 or more",
                f"others in {', '.join(found)}",
                "Normalized values are taken as they are with counts=False "
                "(--no-counts).",
            )


def whole(rows: np.ndarray | sparse.spmatrix) -> bool:
    """Whether all values are counts: whole, 0 or more."""
    values = rows.data if sparse.issparse(rows) else rows
    return bool((values >= 0).all() and (np.rint(values) == values).all())


def _matrix(
    path: Path, node: h5py.Group | h5py.Dataset, name: str
) -> np.ndarray | sparse.csr_matrix:
    if isinstance(node, h5py.Dataset):
        rows = node[()]
        if not isinstance(rows, np.ndarray) or rows.ndim != 2:
            raise problems.unreadable(
                path,
                f"cells by genes in {name!r}",
                f"shape {np.shape(rows)}",
            )
        return arrays.numbers(path, rows, name)
    parts = [node.get(part) for part in ("data", "indices", "indptr")]
    if not all(isinstance(part, h5py.Dataset) for part in parts):
        raise problems.unreadable(
            path,
            f"data, indices and indptr in the group {name!r}",
            f"the names {sorted(node)}",
        )
    kind = _word(
        node.attrs.get(
            "encoding-type", node.attrs.get("h5sparse_format", "csr")
        )
    )
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    make = sparse.csc_matrix if kind.startswith("csc") else sparse.csr_matrix
    with problems.reading(path, "a sparse matrix", ValueError, TypeError):
        rows = make(
            tuple(part[()] for part in parts),
            None if shape is None else tuple(map(int, shape)),
        )
        rows.check_format(full_check=True)
    if not all(rows.shape):
        raise problems.unreadable(
            path, f"at least one row in {name!r}", f"shape {rows.shape}"
        )
    return rows.tocsr()


def _names(file: h5py.File, count: int) -> np.ndarray | None:
    """Names of the cells, where there is one for each."""
    node = file.get("obs")
    if not isinstance(node, h5py.Group):
        return None
    names = node.get(_word(node.attrs.get("_index", "_index")))
    if not isinstance(names, h5py.Dataset) or names.shape != (count,):
        return None
    return np.array([_word(name) for name in names[()]], object)


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
