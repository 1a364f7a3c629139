"""Columns that are told those before them."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import special
from scipy import stats

import keras_ae
from keras_ae.parts import heads

RNG = np.random.default_rng(0)
WIDTHS = [2, 1, 3]
PARTS = [RNG.normal(size=(5, n)).astype("float32") for n in (2, 2, 1, 3)]


@pytest.fixture
def head():
    """Two numbers, a bit and a category, with weights of no meaning."""
    keras.utils.set_random_seed(0)
    head = heads.Columns(["gaussian", "bernoulli", "categorical"], WIDTHS, 7)
    head.build((None, 6))
    for weight in head.weights:
        weight.assign(RNG.normal(size=weight.shape))
    return head


def told(head, x):
    """What is added to the heads' numbers, by NumPy, each block by itself."""
    first, second = head.told
    blocks = np.repeat([0, 1, 2], WIDTHS)
    units = np.arange(7) % 2  # what each has read: up to this block
    added = []
    for block, size in zip([0, 1, 2], [4, 1, 3], strict=True):
        place = sum([4, 1, 3][:block])
        total = second.bias.numpy()[place : place + size] + np.zeros((5, size))
        for unit in np.flatnonzero(units < block):
            seen = np.flatnonzero(blocks <= units[unit])
            kernel = first.kernel.numpy()[seen, unit]
            h = np.arcsinh(x[:, seen]) @ kernel + first.bias.numpy()[unit]
            row = second.kernel.numpy()[unit, place : place + size]
            total += np.maximum(h, 0)[:, None] * row
        added.append(total)
    return added


def test_log_probability_is_the_sum_of_the_blocks_given_those_before(head):
    bit = RNG.integers(0, 2, (5, 1))
    category = np.eye(3)[RNG.integers(0, 3, 5)]
    x = np.hstack([RNG.normal(0, 50, (5, 2)), bit, category])
    law = head(*map(tf.constant, PARTS), rank=1)
    of_numbers, of_bit, of_category = told(head, x)
    loc, raw = PARTS[0] + of_numbers[:, :2], PARTS[1] + of_numbers[:, 2:]
    scale = np.logaddexp(0, raw) + 1e-5
    sign = np.where(bit == 1, 1, -1)
    expected = stats.norm.logpdf(x[:, :2], loc, scale).sum(1)
    expected += special.log_expit(sign * (PARTS[2] + of_bit))[:, 0]
    logits = special.log_softmax(PARTS[3] + of_category, 1)
    expected += (logits * category).sum(1)
    found = law.log_prob(tf.constant(x, tf.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_draws_of_later_blocks_follow_earlier_ones(head):
    """The bit's share among draws of alike numbers is its probability."""
    law = head(*(tf.constant(part[:1]) for part in PARTS), rank=1)
    draws = law.sample(20_000, seed=(1, 2)).numpy()[:, 0]
    np.testing.assert_array_equal(
        draws, law.sample(20_000, seed=(1, 2)).numpy()[:, 0]
    )
    before, after = draws[:, :2], draws[:, 3:]
    with_one, with_none = (
        law.log_prob(np.hstack([before, bit, after])[:, None])
        for bit in np.float32([np.ones((20_000, 1)), np.zeros((20_000, 1))])
    )
    # p(bit | numbers, category), by Bayes: what says how often it is 1.
    p = special.expit((with_one - with_none).numpy()[:, 0])
    low = p < np.median(p)
    for part in (low, ~low):
        gap = draws[part, 2].mean() - p[part].mean()
        assert abs(gap) < 5 * np.sqrt((p * (1 - p))[part].mean() / part.sum())


def test_at_first_blocks_are_independent(head):
    plain = heads.Columns(["gaussian", "bernoulli", "categorical"], WIDTHS)
    plain.build((None, 6))
    told = heads.Columns(["gaussian", "bernoulli", "categorical"], WIDTHS, 7)
    told.build((None, 6))
    parts = [*map(tf.constant, PARTS)]
    x = plain(*parts, rank=1).sample(seed=(0, 0))
    np.testing.assert_allclose(
        told(*parts, rank=1).log_prob(x),
        plain(*parts, rank=1).log_prob(x),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        told(*parts, rank=1).mean(), plain(*parts, rank=1).mean(), rtol=1e-5
    )


def frame(rows):
    """A number that decides a word and a bit, which a code of one number that
    has to say the rest cannot know."""
    x = RNG.normal(size=(rows, 4))
    return pd.DataFrame(
        {
            **{f"n{i}": x[:, i] for i in range(4)},
            "yes": x[:, 0] > 0.3,
            "word": np.where(
                x[:, 1] > 0, "high", np.where(x[:, 1] < -1, "low", "mid")
            ),
        }
    )


def test_new_rows_keep_what_columns_say_of_each_other(tmp_path):
    train, test = frame(3000), frame(1000)
    table = keras_ae.spaces.Table.from_frame(train)
    nats = {}
    for hidden in (0, 32):
        model = keras_ae.VAE.create(
            table,
            1,
            hidden=(16,),
            likelihood={"columns": {"hidden": hidden}},
            seed=0,
        )
        assert model.missing == ("refuse" if hidden else "mask")
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(train, epochs=12, batch_size=64, verbose=0)
        nats[hidden] = model.score_samples(test).mean()
    assert nats[32] > nats[0] + 0.5
    drawn = model.sample(2000, seed=0)
    assert list(drawn) == list(train) and (drawn.dtypes == train.dtypes).all()
    right = (drawn["n0"] > 0.3) == drawn["yes"]
    assert right.mean() > 0.9  # by chance, 0.53
    assert drawn.equals(model.sample(2000, seed=0))
    pd.testing.assert_frame_equal(drawn.head(3), model.sample(3, seed=0))
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        twin.score_samples(test), model.score_samples(test)
    )
    model.export(tmp_path / "served")


def test_one_block_has_nobody_to_tell():
    with pytest.raises(ValueError, match="`hidden`.*one block"):
        heads.Columns(["gaussian"], [2], hidden=3)


def test_holes_are_refused_with_what_to_do():
    table = frame(20)
    space = keras_ae.spaces.Table.from_frame(table)
    likelihood = {"columns": {"hidden": 4}}
    with pytest.raises(ValueError, match="Holes need a likelihood"):
        keras_ae.VAE.create(space, 1, likelihood=likelihood, missing="mask")
    model = keras_ae.VAE.create(space, 1, likelihood=likelihood)
    table.loc[3, "n1"] = np.nan
    with pytest.raises(ValueError, match=r"NaN.*first at \[3\]"):
        model.score_samples(table)


def test_the_order_is_that_of_the_data_frame():
    space = keras_ae.spaces.Table.from_frame(frame(50)[["yes", "n0", "word"]])
    head = heads.get(space.named({"columns": {"hidden": 64}}))
    assert head.widths == [1, 1, 3] and head.order == [1, 0, 2]
    head.build((None, 5))
    first, second = head.told
    second.kernel.assign(RNG.normal(size=second.kernel.shape))
    sizes = [
        sum(h.sizes(w))
        for h, w in zip(head.likelihoods, [1, 1, 3], strict=True)
    ]
    x = tf.constant([[0.5, 1, 0, 1, 0]])  # n0, yes, word

    def changed(step):
        """Blocks that a change of values changes the numbers of."""
        before, after = (second(first(v)) for v in (x, x + np.float32(step)))
        parts = np.split((before != after).numpy()[0], np.cumsum(sizes)[:-1])
        return [part.any() for part in parts]

    assert changed([0, 0, 1, -1, 0]) == [False, False, False]
    assert changed([1, 0, 0, 0, 0]) == [False, False, True]
    assert changed([0, -1, 0, 0, 0]) == [True, False, True]


def test_numbers_alone_are_told_each_other():
    x = pd.DataFrame(
        RNG.normal(size=(2000, 1)) + [[0.0, 5.0]], columns=["a", "b"]
    )
    space = keras_ae.spaces.Table.from_frame(x)
    model = keras_ae.VAE.create(
        space, 1, hidden=(4,), likelihood={"columns": {"hidden": 32}}, seed=0
    )
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(x, epochs=10, verbose=0)
    drawn = model.sample(500, seed=0)
    assert np.corrcoef(drawn["a"], drawn["b"])[0, 1] > 0.9


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1], [1, 2, 3]])
def test_an_order_is_of_all_blocks(order):
    with pytest.raises(ValueError, match="`order`.*0 to 2"):
        heads.Columns(["gaussian"] * 3, [1, 1, 1], hidden=2, order=order)


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        ({"columns": 8}, "columns"),
        ({"columns": {"hiden": 8}}, "hiden"),
        ({"columns": {"hidden": -1}}, "`hidden`.*at least 0"),
    ],
)
def test_what_a_wrong_likelihood_of_a_table_gets(likelihood, message):
    space = keras_ae.spaces.Table.from_frame(frame(20))
    with pytest.raises((TypeError, ValueError), match=message):
        keras_ae.VAE.create(space, 1, likelihood=likelihood)


def test_a_likelihood_by_name_is_that_of_the_space():
    space = keras_ae.spaces.Table.from_frame(frame(20))
    named = keras_ae.VAE.create(space, 1, likelihood="columns").decoder.head
    own = keras_ae.VAE.create(space, 1).decoder.head
    assert named.widths == own.widths and named.hidden == own.hidden == 0
