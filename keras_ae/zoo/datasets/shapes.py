"""Images of simple shapes whose factors are known exactly."""

import math

import numpy as np

from keras_ae.core import validation

FACTORS = ("shape", "scale", "rotation", "x", "y")
PART = 256  # images that are drawn together


def shapes(n: int, size: int = 32, seed: int = 0) -> tuple:
    """White shapes on black, each of one triangle, half disc or house.

    All factors are uniform and independent. No shape looks the same after a
    turn, none leaves the image, and those of one scale have one area: the
    factors can be told from the image, up to what the pixels blur.

    Args:
        n: How many.
        size: Pixels of a side, at least 16. Defaults to 32.
        seed: Integer; the first images of a seed do not depend on `n`.

    Returns:
        float32 `[n, size, size, 1]` in [0, 1], smooth at the edges; and the
        factors, float32 `[n, 5]`, columns as in `FACTORS`: the shape (0, 1,
        2); the square root of the area, 0.15 to 0.25 sides; the turn
        clockwise in radians, 0 to 2 pi; the centre of mass from left and from
        top, 0.3 to 0.7 sides.

    Raises:
        ValueError: If `n` or `size` is too small.

    Example:
        >>> images, factors = shapes(4, size=64)
        >>> images.shape, factors.shape
        ((4, 64, 64, 1), (4, 5))
        >>> area = images.sum(axis=(1, 2, 3)) / 64**2
        >>> bool(np.allclose(area, factors[:, 1] ** 2, rtol=0.02))
        True
    """
    n = validation.check_count("n", n)
    size = validation.check_count("size", size, 16)
    rng = np.random.default_rng(validation.check_count("seed", seed, 0))
    low = np.array([0, 0.15, 0, 0.3, 0.3])
    high = np.array([len(_SHAPES), 0.25, math.tau, 0.7, 0.7])
    factors = low + (high - low) * rng.random((n, 5))
    factors[:, 0] = np.floor(factors[:, 0])
    images = [_drawn(factors[i : i + PART], size) for i in range(0, n, PART)]
    return np.concatenate(images), factors.astype(np.float32)


def _drawn(factors: np.ndarray, size: int) -> np.ndarray:
    """Images of factors; the edge is as wide as a pixel."""
    scale, turn, x, y = factors.T[1:, :, None, None]
    pixels = (np.arange(size) + 0.5) / size
    right, down = pixels - x, pixels[:, None] - y  # [n, 1, size], [n, size, 1]
    u = (right * np.cos(turn) + down * np.sin(turn)) / scale
    v = (down * np.cos(turn) - right * np.sin(turn)) / scale
    outside = np.empty_like(u)
    for kind, distance in enumerate(_SHAPES):
        own = factors[:, 0] == kind
        outside[own] = distance(u[own], v[own])
    values = np.clip(0.5 - outside * scale * size, 0, 1)
    return values[..., None].astype(np.float32)


# Signed distances, negative inside, from the edges of shapes of area 1 whose
# centre of mass is at 0; v points down.


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    base, height = 1.2, 2 / 1.2
    slope = math.hypot(height, base / 2)
    # The apex is two thirds of the height above the centre.
    sides = (abs(u) * height - (v + height * 2 / 3) * base / 2) / slope
    return np.maximum(v - height / 3, sides)


def _half_disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    radius = math.sqrt(2 / math.pi)
    centre = 4 * radius / (3 * math.pi)  # of mass, from the straight side
    return np.maximum(np.hypot(u, v - centre) - radius, v - centre)


def _house(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # A square of side a under a roof of height a / 2, of area a**2 / 4.
    a = math.sqrt(0.8)
    floor = (a * a * a / 2 + a * a / 4 * (a + a / 6)) / (1.25 * a * a)
    roof = (abs(u) - (v - (floor - 1.5 * a))) / math.sqrt(2)
    return np.maximum.reduce([abs(u) - a / 2, v - floor, roof])


_SHAPES = (_triangle, _half_disc, _house)
