"""Folders of images, of any sizes and formats, as bytes of one size."""

import collections
import concurrent.futures
import math
import os
import tempfile
import warnings
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_ae.core import validation
from keras_ae.data import problems

#: Bytes of all images that are kept in memory; more go to a temporary file,
#: of which a batch at a time is read.
MEMORY = 1 << 30
#: Pillow's modes of 8 bits by the channels that they become.
GREY, COLOR = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
KINDS = {1: "grey", 3: "color"}
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)  # of Exif


def read_folder(
    folder: Path,
    *,
    image_size: int | Sequence[int] | None = None,
    channels: int | None = None,
    skip_broken: bool = False,
    verbose: int = 0,
) -> tuple[np.ndarray, list[str]]:
    """All images of a folder and of those in it, by name.

    They are turned as their camera says, cut to the wanted shape from the
    middle, and resized; what is transparent is laid over white. Hidden files
    are no images.

    Args:
        folder: Folder.
        image_size: Height and width, or one number for both. Defaults to the
            size of the images, if they have one.
        channels: 1 to make all grey, 3 for colors. By default all images have
            to be of one kind.
        skip_broken: Whether to leave out, with a warning, what cannot be
            used: other files, broken images, those of the rarer kind.
        verbose: 1 shows a progress bar.

    Returns:
        uint8 `[N, height, width, channels]`, and the names of the files.
    """
    problems.needed("PIL.Image", "A folder of images")
    if channels is not None:
        validation.check_in("channels", channels, (1, 3))
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _hidden(path.relative_to(folder))
    ]
    heads, broken = _all(_head, paths)
    if channels is None:
        channels, others = _common(heads)
        broken |= others
    heads = _usable(folder, heads, broken, skip_broken)
    size = _size(folder, heads, image_size)
    rows = _room((len(heads), *size, channels))

    def fill(place: tuple[int, Path]) -> None:
        rows[place[0]] = _pixels(place[1], size, channels)

    bar = keras.utils.Progbar(len(heads), verbose=verbose, unit_name="image")
    places = [*enumerate(heads)]
    filled, broken = _all(fill, places, bar)
    broken = {path: why for (_, path), why in broken.items()}
    whole = _usable(folder, dict.fromkeys(heads), broken, skip_broken)
    for new, (old, _) in enumerate(filled):  # in place: there may be many
        if new != old:
            rows[new] = rows[old]
    names = [str(path.relative_to(folder)) for path in whole]
    return rows[: len(names)], names


class Head(NamedTuple):
    """What is known of an image before it is decoded."""

    channels: int
    size: tuple[int, int]  # height, width


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _all(
    function: Callable, items: list, bar: keras.utils.Progbar | None = None
) -> tuple[dict, dict]:
    """Item to result, and item to what is wrong with it, in order."""
    done: dict[Any, Any] = {}
    wrong: dict[Any, str] = {}

    def tried(item: Any) -> tuple:
        try:
            return function(item), None
        # Whatever a decoder raises on bytes that it cannot make sense of.
        except Exception as error:
            return None, str(error) or type(error).__name__

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for item, (result, why) in zip(
            items, pool.map(tried, items), strict=True
        ):
            if why is None:
                done[item] = result
            else:
                wrong[item] = why
            if bar is not None:
                bar.add(1)
    return done, wrong


def _head(path: Path) -> Head:
    """See `Head`.

    Raises:
        ValueError: If it is no image of one frame and 8 bits.
    """
    from PIL import Image
    from PIL import UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode not in GREY + COLOR:
                raise ValueError(
                    f"mode {image.mode}, not of 8 bits; such images are data "
                    "as arrays, of the space Image(..., levels=65536)"
                )
            # Photographs of format MPO have a second view.
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format != "MPO":
                raise ValueError(f"an animation of {frames} frames")
            turned = image.getexif().get(ORIENTATION) in SIDEWAYS
            size = image.size if turned else image.size[::-1]
            return Head(1 if image.mode in GREY else 3, size)
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise ValueError("empty" if empty else "not an image") from None


def _common(heads: dict[Path, Head]) -> tuple[int, dict[Path, str]]:
    """The channels of most images, and the others."""
    counts = collections.Counter(head.channels for head in heads.values())
    most = max(counts, key=lambda c: (counts[c], c), default=3)
    return most, {
        path: f"{KINDS[head.channels]}, {counts[most]} others are "
        f"{KINDS[most]} (channels=1 or 3 makes all so)"
        for path, head in heads.items()
        if head.channels != most
    }


def _usable(
    folder: Path, found: dict, broken: dict[Path, str], skip_broken: bool
) -> dict:
    """Those that are not broken; warns of the others, if it may.

    Raises:
        ValueError: If some are broken and are not to be skipped, or none is
            left.
    """
    names = [f"{p.relative_to(folder)} ({why})" for p, why in broken.items()]
    usable = {p: value for p, value in found.items() if p not in broken}
    if broken and not skip_broken:
        raise problems.unreadable(
            folder,
            "whole images, all grey or all in color",
            f"{len(broken)} files that cannot be used: "
            f"{problems.listed(names)}",
            "Take them away, or skip them: skip_broken=True (--skip-broken).",
        )
    if not usable:
        received = problems.listed(names) if names else "no files"
        raise problems.unreadable(folder, "at least one image", received)
    if broken:
        warnings.warn(
            f"{len(broken)} files of {str(folder)!r} were skipped, "
            f"{len(usable)} images are left: {problems.listed(names)}",
            UserWarning,
            stacklevel=4,
        )
    return usable


def _size(
    folder: Path, heads: dict[Path, Head], wanted: int | Sequence[int] | None
) -> tuple[int, int]:
    """Height and width of all images."""
    if wanted is not None:
        size = validation.check_shape("image_size", wanted)
        if len(size) > 2:
            expected = "a number of pixels, or height and width"
            raise ValueError(validation.invalid("image_size", expected, wanted))
        return size[0], size[-1]
    first = {head.size: path.name for path, head in heads.items()}
    if len(first) > 1:
        sizes = [f"{h}x{w} ({name})" for (h, w), name in first.items()]
        raise problems.unreadable(
            folder,
            "images of one size, or the size to make them",
            f"{len(sizes)} sizes: {problems.listed(sizes)}",
            "Say image_size=64 (--image-size 64).",
        )
    return next(iter(first))


def _room(shape: tuple[int, ...]) -> np.ndarray:
    """Where so many bytes are put; a file goes when nobody has the array."""
    if math.prod(shape) <= MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def _pixels(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    """One image, `[height, width, channels]`."""
    from PIL import Image
    from PIL import ImageOps

    with Image.open(path) as image:
        # Large photographs are decoded to an eighth, a quarter or a half,
        # but to twice the wanted size at least.
        image.draft(None, (2 * max(size), 2 * max(size)))
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        image = image.convert("L" if channels == 1 else "RGB")
        method = Image.Resampling.LANCZOS
        image = ImageOps.fit(image, size[::-1], method)
        return np.asarray(image).reshape(*size, channels)
