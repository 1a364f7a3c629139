"""Sums of a few of many directions, all of which are known."""

from typing import NamedTuple

import numpy as np

from keras_ae.core import validation

LEVELS, BRANCHES = 3, 4  # of a tree, below its root
TREE = sum(BRANCHES**level for level in range(LEVELS + 1))


class Superposition(NamedTuple):
    """Examples, and what they are made of.

    Attributes:
        x: Examples `codes @ directions`, float32 `[n, size]`.
        codes: How much of each direction, 0 or above, float32
            `[n, directions]`.
        directions: Unit vectors, float32 `[directions, size]`.
    """

    x: np.ndarray
    codes: np.ndarray
    directions: np.ndarray


def superposition(
    n: int,
    size: int = 32,
    directions: int = 64,
    active: float = 4.0,
    seed: int = 0,
    trees: int = 0,
) -> Superposition:
    """Examples that are sums of a few directions, more than they have values.

    Directions are uniform on the sphere. Each is there or not, independently,
    the k-th in proportion to 1 / sqrt(k), as in Zipf's law the common ones
    far more than the rare ones; how much of it is |N(0, 1/4)| + 1.

    With `trees`, the most common directions hang together: each of a tree but
    its root is there only where the one above it is, at most one of the four
    below each, as often as without trees or, where four would then have to
    share more than there is, as much less often.

    Args:
        n: How many examples.
        size: Values of an example. Defaults to 32.
        directions: How many there are. Defaults to 64.
        active: How many of them an example has on average, below half of
            all, before trees make some rarer. Defaults to 4.
        seed: Integer. The directions depend on it and on the sizes alone.
        trees: How many trees of 85 directions there are: first their roots,
            then, level by level, the four below each. Defaults to 0: all are
            independent.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> found = superposition(1000)
        >>> found.x.shape, found.codes.shape
        ((1000, 32), (1000, 64))
        >>> bool(np.allclose(found.x, found.codes @ found.directions))
        True

    Reference: Elhage et al., 2022. Toy Models of Superposition.
        https://arxiv.org/abs/2209.10652. Chanin, Garriga-Alonso, 2026.
        SynthSAEBench: Evaluating Sparse Autoencoders on Scalable Realistic
        Synthetic Data. https://arxiv.org/abs/2602.14687
    """
    n = validation.check_count("n", n)
    size = validation.check_count("size", size, 2)
    directions = validation.check_count("directions", directions)
    active = validation.check_number("active", active, 0, directions / 2)
    trees = validation.check_count("trees", trees, 0)
    if trees * TREE > directions:
        expected = f"trees of {TREE} directions, {directions} in all"
        raise ValueError(validation.invalid("trees", expected, trees))
    rng = np.random.default_rng(validation.check_count("seed", seed, 0))
    vectors = rng.normal(size=(directions, size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    often = 1 / np.sqrt(np.arange(1, directions + 1))
    often = np.minimum(1, often * active / often.sum())
    there = rng.random((n, directions)) < often
    _hang(there, often, trees, rng)
    amounts = 1 + np.abs(rng.normal(scale=0.5, size=(n, directions)))
    codes = np.where(there, amounts, 0.0).astype(np.float32)
    vectors = vectors.astype(np.float32)
    return Superposition(codes @ vectors, codes, vectors)


def _hang(
    there: np.ndarray, often: np.ndarray, trees: int, rng: np.random.Generator
) -> None:
    """Write the trees into `there`: one of those below, or none, where the
    one above is."""
    for parent in range(trees * (TREE - BRANCHES**LEVELS)):
        first = trees + BRANCHES * parent
        shares = often[first : first + BRANCHES] / often[parent]
        ends = np.cumsum(shares / max(1.0, shares.sum()))
        chosen = np.searchsorted(ends, rng.random(len(there)), side="right")
        for number in range(BRANCHES):
            there[:, first + number] = there[:, parent] & (chosen == number)
