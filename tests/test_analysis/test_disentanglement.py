"""Disentanglement: codes whose scores are known beforehand."""

import itertools

import numpy as np
import pytest

from keras_ae.analysis import disentanglement as d

# All combinations of two factors of 4 and 4 values, each 20 times.
GRID = np.array(list(itertools.product(range(4), range(4))) * 20)
#: Numbers that are the factors themselves.
PERFECT = GRID.astype(float)
#: Numbers that say nothing of them: every one for each combination.
NOTHING = np.repeat(np.arange(20.0), 16)[:, None] * [[1.0, -1.0]]


def test_the_factors_themselves_have_all_scores_of_one():
    assert d.mutual_information_gap(PERFECT, GRID) == pytest.approx(1)
    assert d.modularity(PERFECT, GRID) == pytest.approx(1)
    assert d.factor_vae_score(PERFECT, GRID) == 1
    found = d.dci(PERFECT, GRID)
    assert found == pytest.approx((1, 1, 1))


def test_codes_that_say_nothing_have_none():
    assert d.mutual_information_gap(NOTHING, GRID) == pytest.approx(0)
    assert d.modularity(NOTHING, GRID) == 0
    found = d.dci(NOTHING, GRID)
    # Guessing one of four; the rest is chance among 160 test rows.
    assert found.informativeness == pytest.approx(0.25, abs=0.15)
    assert found.disentanglement < 0.1
    assert d.sap(NOTHING, GRID) == pytest.approx(0, abs=0.15)
    # A vote for one of two factors, 400 times: within 4 standard errors.
    assert d.factor_vae_score(NOTHING, GRID) == pytest.approx(0.5, abs=0.1)


def test_constant_codes_are_of_no_importance():
    found = d.dci(np.ones([len(GRID), 3]), GRID)
    assert found[:2] == pytest.approx((0, 0), abs=1e-12)


def test_information_of_a_number_that_is_two_factors_is_known():
    """4 v + w tells 1 of 16: log 4 of each. Both numbers are the same, so
    that no gap is left; half of what each tells is of another factor."""
    both = GRID @ [[4.0, 4.0], [1.0, 1.0]]
    shared = d.mutual_information(both, GRID)
    np.testing.assert_allclose(shared, np.log(4))
    assert d.mutual_information_gap(both, GRID) == pytest.approx(0)
    assert d.modularity(both, GRID) == pytest.approx(0)
    assert d.dci(both, GRID).completeness == pytest.approx(0, abs=0.02)


def test_one_number_of_two_is_mixed():
    """z_1 = v, z_2 tells both: modularity (1 + 0) / 2; of v no gap is left, of
    w all of it."""
    codes = GRID @ [[1.0, 4.0], [0.0, 1.0]]
    assert d.modularity(codes, GRID) == pytest.approx(0.5)
    assert d.mutual_information_gap(codes, GRID) == pytest.approx(0.5)


def test_separated_predictability_by_hand():
    """Of two values the best number tells all, the other half of the rows,
    less or more by the chance of which rows test it."""
    bits = np.array(list(itertools.product(range(2), range(2))) * 100)
    assert d.sap(bits.astype(float), bits) == pytest.approx(0.5, abs=0.1)
    twice = bits[:, [0, 1, 0, 1]].astype(float)
    assert d.sap(twice, bits) == pytest.approx(0)


def test_importances_by_hand():
    """Rows (1, 0) and (1, 1) have purities 1 and 0."""
    np.testing.assert_allclose(
        d._purity(np.array([[1.0, 0.0], [2.0, 2.0], [0.0, 0.0]])),
        [1, 0, 0],
        atol=1e-12,
    )


def test_factors_that_do_not_fit_are_refused():
    for factors, received in (
        (GRID[:5], r"factors \(5, 2\)"),
        (GRID[:, :1], r"factors \(320, 1\)"),
        (np.stack([np.arange(320)] * 2, 1), "320 values of 320 rows"),
        (np.zeros([320, 2]), "1 values"),
    ):
        with pytest.raises(ValueError, match=received):
            d.mutual_information_gap(PERFECT, factors)
