"""Tables and counts."""

from functools import partial
from typing import Any

import numpy as np

from keras_ae.zoo.datasets import files

#: Columns of Adult, the last one is the label.
ADULT = (
    "age workclass fnlwgt education education-num marital-status occupation "
    "relationship race sex capital-gain capital-loss hours-per-week "
    "native-country income"
).split()
#: Columns of the German credit data, the last one is the label.
GERMAN = (
    "checking-account duration credit-history purpose amount savings "
    "employment-since installment-rate personal-status guarantors "
    "residence-since property age other-installments housing credits job "
    "dependents telephone foreign-worker risk"
).split()


def bundled(name: str) -> tuple:
    """A table that comes with scikit-learn, in its units, every fifth row for
    testing."""
    import sklearn.datasets

    options = {"scaled": False} if name == "diabetes" else {}
    load = getattr(sklearn.datasets, f"load_{name}")
    return _every_fifth(*load(return_X_y=True, **options))


def framed(name: str, x: np.ndarray) -> Any:
    """Rows of a bundled table as a data frame, with the columns' names.

    Raises:
        ValueError: If the set is none of scikit-learn's tables.
    """
    import pandas as pd
    import sklearn.datasets

    load = getattr(sklearn.datasets, f"load_{name}", None)
    names = getattr(load and load(), "feature_names", ())
    if np.ndim(x) != 2 or len(names) != x.shape[1]:
        raise ValueError(
            f"{name!r} has no named columns. Expected a table that comes with "
            "scikit-learn, such as 'wine'."
        )
    return pd.DataFrame(x, columns=names)


def adult() -> tuple:
    """Frames of 14 columns; labels 1 for more than 50,000 dollars a year.

    Words are categories, the same ones in both parts; "?" is a hole.
    """
    import pandas as pd

    path = files.found("adult")
    read = partial(
        pd.read_csv,
        names=ADULT,
        skipinitialspace=True,
        na_values="?",
    )
    train = read(path)
    test = read(path.with_name("adult-test.csv.gz"))
    both = pd.concat([train, test], ignore_index=True)
    y = both.pop("income").str.startswith(">").to_numpy(np.int64)
    words = both.select_dtypes(exclude="number").columns
    both = both.astype(dict.fromkeys(words, "category"))
    cut = len(train)
    rest = both.iloc[cut:].reset_index(drop=True)
    return (both.iloc[:cut], y[:cut]), (rest, y[cut:])


def german_credit() -> tuple:
    """Frames of 20 columns, every fifth row for testing; labels 1 for a bad
    risk. Categories are the codes of the archive, such as A11."""
    import pandas as pd

    x = pd.read_csv(files.found("german_credit"), names=GERMAN)
    y = (x.pop("risk") == 2).to_numpy(np.int64)
    words = x.select_dtypes(exclude="number").columns
    x = x.astype(dict.fromkeys(words, "category"))
    parts = _every_fifth(x, y)
    return tuple((rows.reset_index(drop=True), own) for rows, own in parts)


def pbmc() -> tuple:
    """Counts of 2,000 genes in 4,271 blood cells, every fifth for testing;
    labels are eight types of cells."""
    import h5py
    from scipy import sparse

    with h5py.File(files.found("pbmc")) as file:
        x, y = file["X"][:], file["Y"][:]
    return _every_fifth(
        sparse.csr_array(x.astype(np.int32)), y.astype(np.int64) - 1
    )


def newsgroups() -> tuple:
    """Counts of 3,072 words in documents; without labels."""
    with np.load(files.found("20news")) as file:
        train, valid, test = (_counts(file, p) for p in ("tr", "va", "ts"))
    from scipy import sparse

    both = sparse.vstack([train, valid], format="csr")
    return (both, None), (test, None)


def words() -> list[str]:
    """The words that `load("20news")` counts, in the order of its columns.

    Raises:
        FileNotFoundError: See `load`.
    """
    with np.load(files.found("20news")) as file:
        return file["vocab"].tolist()


def _counts(file: Any, part: str) -> Any:
    from scipy import sparse

    parts = [file[f"{part}_{k}"] for k in ("counts", "indices", "indptr")]
    counts, indices, starts = (p.astype(np.int32) for p in parts)
    shape = len(starts) - 1, len(file["vocab"])
    return sparse.csr_array((counts, indices, starts), shape=shape)


def _every_fifth(x: Any, y: np.ndarray) -> tuple:
    test = np.arange(len(y)) % 5 == 4
    return (x[~test], y[~test]), (x[test], y[test])
