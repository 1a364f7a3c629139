"""Callbacks that draw, stop and write for the projector."""

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae import schedules
from keras_ae.analysis import callbacks
from keras_ae.analysis import projector
from keras_ae.parts import constraints

X = np.random.default_rng(0).random([24, 4, 4, 1]).astype("float32")


@pytest.fixture(scope="module")
def vae():
    model = keras_ae.VAE.create((4, 4, 1), 2, hidden=(4,), seed=0)
    model.compile(run_eagerly=True)
    return model


def stopped(model, weights, patience=1):
    """Epochs of a training in which no epoch is better than the first."""
    model.compile(loss_weights=weights, run_eagerly=True)
    stop = callbacks.EarlyStopping("loss", patience=patience, min_delta=1e9)
    history = model.fit(X, batch_size=24, epochs=9, verbose=0, callbacks=[stop])
    return len(history.epoch)


def test_early_stopping_waits_for_the_last_schedule():
    """A step an epoch: the epoch that ends at step n is the first that counts,
    and `patience` more follow."""

    def model(**options):
        return keras_ae.BetaVAE.create((4, 4, 1), 2, hidden=(4,), **options)

    assert stopped(model(), {}) == 2
    assert stopped(model(), {"kl": schedules.Linear(0, 1, 4)}) == 4 + 1
    rising = constraints.Capacity(schedules.Cosine(0, 5, 5))
    assert stopped(model(constraint=rising), None, patience=2) == 5 + 2
    beta = schedules.Linear(0, 1, 3)
    assert stopped(model(beta=beta), {"kl": schedules.Constant(2.0)}) == 3 + 1
    with pytest.raises(ValueError, match="come to an end.*Cyclical"):
        stopped(model(), {"kl": schedules.Cyclical(0, 1, 10)})


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.Linear(0, 2, 7),
        schedules.Sigmoid(3, 1, 9),
        schedules.get(4, ""),
    ],
)
def test_a_schedule_is_settled_where_it_says(schedule):
    at = schedule.settled
    later = schedule(np.arange(at, at + 50)).numpy()
    assert (later == later[0]).all()
    if at:
        assert schedule(at - 1) != later[0]


def test_pictures_are_files(vae, tmp_path):
    drawn = callbacks.Pictures(X, tmp_path, np.arange(24) % 3, every=2)
    vae.fit(X, epochs=3, verbose=0, callbacks=[drawn])
    found = sorted(
        str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png")
    )
    names = ("code", "curves", "examples", "units")
    assert found == [f"{n}/epoch_0002.png" for n in names]
    assert len(drawn.curves["loss"]) == 3


def test_pictures_for_tensorboard(vae, tmp_path):
    """Read back as TensorBoard reads them."""
    writer = tf.summary.create_file_writer(str(tmp_path))
    vae.fit(X, verbose=0, callbacks=[callbacks.Pictures(X, writer)])
    writer.close()
    (path,) = tmp_path.iterdir()
    tags = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            tags[value.tag] = value
            assert event.step == 1
    assert set(tags) == {"examples", "code", "units", "curves"}
    for value in tags.values():
        assert value.metadata.plugin_data.plugin_name == "images"
        width, height, png = tf.make_ndarray(value.tensor)
        image = tf.io.decode_png(png)
        assert image.shape[:2] == (int(height), int(width))


def test_what_cannot_be_drawn_is_told_once(tmp_path):
    model = keras_ae.Autoencoder.create((3, 3, 2), 1, hidden=(4,))
    model.compile(run_eagerly=True)
    drawn = callbacks.Pictures(np.zeros([4, 3, 3, 2]), tmp_path)
    with pytest.warns(UserWarning) as told:
        model.fit(
            np.zeros([4, 3, 3, 2]), epochs=2, verbose=0, callbacks=[drawn]
        )
    texts = [str(w.message) for w in told]
    assert len(texts) == 2
    assert "No picture of examples" in texts[0]
    assert "No picture of code" in texts[1]


def test_projector_files_hold_codes_labels_and_images(vae, tmp_path):
    labels = [f"row\t{i}" for i in range(24)]
    written = callbacks.Projector(X, tmp_path, labels)
    vae.fit(X, verbose=0, callbacks=[written])
    codes = np.loadtxt(tmp_path / "tensors.tsv", delimiter="\t")
    np.testing.assert_allclose(codes, vae.embed(X), rtol=1e-6)
    lines = (tmp_path / "metadata.tsv").read_text().splitlines()
    assert lines[3] == "row 3" and len(lines) == 24
    sprite = matplotlib.image.imread(tmp_path / "sprite.png")
    assert sprite.shape[:2] == (20, 20)  # 5 x 5 places for 24 images
    # The 7th image is the third of the second row.
    np.testing.assert_allclose(
        sprite[4:8, 8:12, 0], X[7, :, :, 0], atol=1 / 255
    )
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert "single_image_dim: [4, 4]" in config
    with pytest.raises(ValueError, match="24 labels"):
        projector.write(vae, X, tmp_path, ["a"])
