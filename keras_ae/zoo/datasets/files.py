"""Files of data sets on this machine, or where they are to be had."""

import os
from pathlib import Path

#: Name -> file below a folder of data, unless it is `<name>.npz`.
PATHS = {
    "20news": "20ng_etm.npz",
    "adult": "uci/adult-train.csv.gz",
    "german_credit": "uci/german.csv",
    "omniglot": "omniglot28.npz",
    "pbmc": "single_cell/10X_PBMC_top2000.h5",
    "sprites": "sprites/sprites_11664.npz",
}
#: Name -> what the file is made from, and its licence.
SOURCES = {
    "20news": "20 Newsgroups of github.com/MIND-Lab/OCTIS, as counts in CSR "
    "parts `tr_*`, `va_*`, `ts_*`; MIT",
    "adult": "`adult.data`, compressed, and `adult.test` without its first "
    "line, beside it as adult-test.csv.gz, of archive.ics.uci.edu/dataset/2; "
    "CC BY 4.0",
    "binarized_mnist": "Larochelle's fixed binarization, rows of "
    "`numpy.packbits`: `x_train`, `x_valid`, `x_test`",
    "ecg5000": "ECG5000 of timeseriesclassification.com as `x`, `anomaly`, "
    "2,335 normal beats first; ODC-By",
    "fashion_mnist": "github.com/zalandoresearch/fashion-mnist; MIT",
    "german_credit": "`german.data` of archive.ics.uci.edu/dataset/144, with "
    "commas; CC BY 4.0",
    "mnist": "MNIST as Keras has it; CC BY-SA 3.0",
    "omniglot": "the strokes of github.com/brendenlake/omniglot, drawn in "
    "28x28 uint8: `x_train`, `y_train`, `x_test`, `y_test`; MIT",
    "pbmc": "10X_PBMC of github.com/ttgump/scDCC, its 2,000 genes that vary "
    "most; Apache-2.0",
    "sprites": "Liberated Pixel Cup characters of "
    "github.com/YingzhenLi/Sprites, as `x` and `factors`; CC BY-SA 3.0 or "
    "GPL 3.0",
}


def local(name: str) -> Path | None:
    """The file of a data set on this machine, if there is one."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    folders = [Path(home, "datasets")]
    if os.environ.get("KERAS_AE_DATA"):
        folders.insert(0, Path(os.environ["KERAS_AE_DATA"]))
    for folder in folders:
        path = folder / PATHS.get(name, f"{name}.npz")
        if path.is_file():
            return path
    return None


def found(name: str) -> Path:
    """The file of a data set.

    Raises:
        FileNotFoundError: If there is none, with where it was expected and
            where it is to be had.
    """
    path = local(name)
    if path is None:
        raise FileNotFoundError(missing(name))
    return path


def missing(name: str) -> str:
    """The message where there is no file."""
    path = PATHS.get(name, f"{name}.npz")
    return (
        f"The data set {name!r} is not on this machine. Expected the file "
        f"{path} in the folder that the environment variable KERAS_AE_DATA "
        "names, or in Keras' cache. Received: KERAS_AE_DATA="
        f"{os.environ.get('KERAS_AE_DATA')!r}. The file is {SOURCES[name]}."
    )
