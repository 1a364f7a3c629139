"""The latent explorer: a page in which codes are moved by hand."""

import base64
import html
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from sklearn.decomposition import PCA

from keras_ae import spaces
from keras_ae.analysis import plots
from keras_ae.core import files
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.jobs.explorer import network
from keras_ae.model.base import BaseAutoencoder

HERE = Path(__file__).parent
SLIDERS = 16  # of the numbers that vary most
POINTS = 1000  # in the map
LABELS = 20  # colors; labels of more values are left out
REACH = 3.0  # deviations from the middle
STEPS = 21  # of a grid along each side, at most
BYTES = 4e6  # of a grid, about


def explore(
    model: BaseAutoencoder,
    path: str | Path,
    x: Rows | None = None,
    labels: ArrayLike | None = None,
    title: str | None = None,
) -> str:
    """Write one HTML file in which sliders, and a point in a map of the codes,
    move what the decoder makes: an image, a series or a row of a table.

    It needs no server and no network. Networks of plain layers run in the page
    and give the numbers of Python up to rounding. Of others the page has a
    grid of examples, made here, in the plane in which codes vary most.

    Args:
        model: Any variant whose codes have at least 2 numbers.
        path: File to write, `.html`.
        x: Examples for the map, `[N, ...]`; without them sliders go from -3
            to 3.
        labels: Of the examples, `[N]`, for their colors.
        title: Of the page. Defaults to the model's name.

    Returns:
        Why there is a grid; empty where the decoder runs in the page.

    Raises:
        ValueError: If codes have fewer than 2 numbers, or labels do not fit;
            or if there has to be a grid and the model is told something.

    Example:
        >>> model = keras_ae.VAE.create((4, 4, 1), 2, hidden=(8,))
        >>> keras_ae.explore(model, "page.html")
        ''
    """
    d = math.prod(model.encoder.event_shape)
    if d < 2:
        raise ValueError(
            "A map of the codes needs two axes. Expected codes of at least 2 "
            f"numbers. Received: codes of {model.encoder.event_shape}"
        )
    codes = _codes(model, x)
    plane = _plane(codes)
    reason = ""
    try:
        page = _live(model, codes) | {"output": _output(model, codes)}
        page["layers"], weights = network.network(model)
        page["weights"] = _text(weights.data())
    except ValueError as error:
        reason = str(error)
        page = _grid(model, plane)
        flat = np.eye(2)
        plane |= {"mean": [0.0, 0.0], "axes": flat.tolist()}
    names = _labels(labels, x, plane)
    page |= {"plane": plane, "colors": [to_hex(c) for c in plots.COLORS]}
    about = (
        f"Examples are those of a grid, since {reason}."
        if reason
        else "The decoder runs in this page."
    )
    with files.replacing(path) as part:
        text = _html(title or model.name, page, names, about)
        part.write_text(text, encoding="utf-8")
    return reason


def _codes(model: BaseAutoencoder, x: Rows | None) -> np.ndarray:
    """Codes of some examples, `[N, d]`; without, draws of a normal law."""
    if x is None:
        shape = (POINTS, math.prod(model.encoder.event_shape))
        return np.random.default_rng(0).normal(size=shape)
    codes = np.asarray(model.embed(x), np.float64)
    return codes.reshape(len(codes), -1)


def _plane(codes: np.ndarray) -> dict[str, Any]:
    """Middle and axes of the map: those of codes of 2 numbers, else principal
    components."""
    mean, axes = codes.mean(axis=0), np.eye(codes.shape[1])[:2]
    if codes.shape[1] > 2:
        axes = PCA(2, random_state=0).fit(codes).components_
    else:
        mean = np.zeros(2)
    points = (codes - mean) @ axes.T
    reach = REACH * points.std(axis=0) + 1e-6
    middle = points.mean(axis=0)
    (x0, y0), (x1, y1) = middle - reach, middle + reach
    return {
        "mean": mean.tolist(),
        "axes": axes.tolist(),
        "limits": [float(v) for v in (x0, x1, y0, y1)],
        "points": points.round(4).tolist(),
        "labels": [],
    }


def _labels(
    labels: ArrayLike | None, x: Rows | None, plane: dict[str, Any]
) -> list[str]:
    """Leaves some points in the map, with the numbers of their colors; gives
    the names of these."""
    points = plane["points"]
    count = len(points) if x is not None else 0
    chosen = np.random.default_rng(0).permutation(count)[:POINTS]
    plane["points"] = [points[i] for i in chosen]
    if labels is None:
        return []
    labels = np.asarray(labels)
    if labels.shape != (count,):
        expected = f"{count} labels, one for each example"
        raise ValueError(validation.invalid("labels", expected, labels.shape))
    names, numbers = np.unique(labels, return_inverse=True)
    if len(names) > LABELS:
        return []
    plane["labels"] = numbers[chosen].tolist()
    return [str(name) for name in names]


def _live(model: BaseAutoencoder, codes: np.ndarray) -> dict[str, Any]:
    """Sliders of the numbers that vary most."""
    middle, spread = codes.mean(axis=0), codes.std(axis=0) + 1e-6
    order = np.sort(np.argsort(-spread, kind="stable")[:SLIDERS])
    page = {
        "code_shape": list(model.encoder.event_shape),
        "start": middle.tolist(),
        "deviations": spread.tolist(),
        "sliders": [
            {
                "index": int(i),
                "name": f"z {i + 1}",
                "low": float(middle[i] - REACH * spread[i]),
                "high": float(middle[i] + REACH * spread[i]),
            }
            for i in order
        ],
    }
    if model.given is not None:
        page["classes"] = model.given.size
    return page


def _output(model: BaseAutoencoder, codes: np.ndarray) -> dict[str, Any]:
    """What is drawn of an example, and how its numbers become the user's."""
    shape, space = model.space.shape, model.space
    if isinstance(space, spaces.Table):
        raise ValueError("the example is a row of a table")
    zero = np.asarray(space.array(np.zeros((1, *shape))))
    one = np.asarray(space.array(np.ones((1, *shape))))
    if plots.draws(model):
        kind = {"kind": "image"}
    elif len(shape) <= 2:
        few = codes[:POINTS].reshape(-1, *model.encoder.event_shape)
        told = few.astype(np.float32)
        if model.given is not None:
            told = told, np.zeros(len(few), "int32")
        values = space.array(model.decode(told).mean().numpy())
        limits = [float(values.min()), float(values.max())]
        kind = {"kind": "line", "range": limits}
    else:
        raise ValueError(f"examples of shape {shape} are no picture")
    return kind | {
        "shape": list(shape),
        "scale": _short(one - zero),
        "shift": _short(zero),
    }


def _short(values: np.ndarray) -> list[float]:
    """Numbers that repeat once."""
    flat = values.ravel().tolist()
    return flat[:1] if len(set(flat)) == 1 else flat


def _grid(model: BaseAutoencoder, plane: dict[str, Any]) -> dict[str, Any]:
    """Examples in the plane, and two sliders."""
    if model.given is not None:
        raise ValueError(
            "A grid of examples has no place for what the model is told. "
            "Expected a model that is told nothing, or one of classes with a "
            f"decoder of plain layers. Received: {model.name!r}"
        )
    x0, x1, y0, y1 = plane["limits"]
    number = 4 * math.prod(model.space.shape)
    steps = int(np.clip(math.sqrt(BYTES / number), 5, STEPS))
    columns, rows = np.meshgrid(
        np.linspace(x0, x1, steps), np.linspace(y0, y1, steps)
    )
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    codes = points @ np.array(plane["axes"]) + np.array(plane["mean"])
    codes = codes.reshape(-1, *model.encoder.event_shape).astype(np.float32)
    means = model.decode(codes).mean().numpy()
    grid: dict[str, Any] = {"steps": steps}
    shape = list(model.space.shape)
    if isinstance(model.space, spaces.Table):
        frame = model.space.array(means)
        grid["rows"] = frame.map(_word).to_numpy().tolist()
        output = {"kind": "row", "columns": [str(c) for c in frame]}
    elif plots.draws(model):
        grid["values"] = _text(np.rint(255 * means.clip(0, 1)).astype("uint8"))
        output = {"kind": "image", "shape": shape}
    elif len(shape) <= 2:
        values = np.asarray(model.space.array(means), "<f4")
        grid["values"] = _text(values)
        limits = [float(values.min()), float(values.max())]
        output = {"kind": "line", "shape": shape, "range": limits}
    else:
        raise ValueError(
            "There is nothing to draw. Expected images of 1 or 3 channels, "
            f"series, rows of numbers or tables. Received: shape {shape}"
        )
    return {
        "grid": grid,
        "output": output,
        "start": [(x0 + x1) / 2, (y0 + y1) / 2],
        "deviations": [(x1 - x0) / 2 / REACH, (y1 - y0) / 2 / REACH],
        "sliders": [
            {"index": 0, "name": "first", "low": x0, "high": x1},
            {"index": 1, "name": "second", "low": y0, "high": y1},
        ],
    }


def _word(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _text(data: Any) -> str:
    data = data if isinstance(data, bytes) else np.asarray(data).tobytes()
    return base64.b64encode(data).decode()


def _html(title: str, page: dict, names: list[str], about: str) -> str:
    kind = page["output"]["kind"]
    canvas = (
        f'<canvas id="example" class="{kind}" role="img" '
        'aria-label="What the decoder makes of the code"></canvas>'
    )
    colors = page["colors"]
    items = "".join(
        f'<li><span style="background: {colors[i % len(colors)]}"></span>'
        f"{html.escape(name)}</li>"
        for i, name in enumerate(names)
    )
    parts = {
        "title": html.escape(f"Codes of {title}"),
        "about": html.escape(about),
        "style": _read("explorer.css"),
        "script": _read("explorer.js"),
        "example": '<table id="row"></table>' if kind == "row" else canvas,
        "given": "" if page.get("classes") else " hidden",
        "legend": f"<ul>{items}</ul>" if names else "",
        # No tag can end inside.
        "page": json.dumps(page).replace("<", "\\u003c"),
    }
    text = _read("explorer.html")
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part)
    return text


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
