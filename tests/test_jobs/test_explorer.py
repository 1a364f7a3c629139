"""The explorer, in a real browser where there is one."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.jobs.explorer import network

needs_browser = pytest.mark.skipif(
    not (shutil.which("chromedriver") and shutil.which("chromium")),
    reason="no chromium and chromedriver (Debian: chromium-driver)",
)
WIDE, NARROW = (1100, 800), (500, 900)


class Browser:
    """Chromium, driven by the WebDriver protocol."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/session"
        self.process = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        options = {"args": arguments, "binary": shutil.which("chromium")}
        match = {"browserName": "chrome", "goog:chromeOptions": options}
        for attempt in range(100):
            try:
                made = self.ask("", capabilities={"alwaysMatch": match})
                break
            except OSError:
                if attempt == 99:
                    raise
                time.sleep(0.1)
        self.url += "/" + made["sessionId"]

    def ask(self, path, **body):
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    def run(self, script, *arguments):
        """What a script returns; constants of the page are in its reach."""
        return self.ask("/execute/sync", script=script, args=[*arguments])

    def open(self, path, size=WIDE, dark=False):
        scheme = {"name": "prefers-color-scheme", "value": "dark"}
        emulated = {"media": "", "features": [scheme] if dark else []}
        command = "Emulation.setEmulatedMedia"
        self.ask("/goog/cdp/execute", cmd=command, params=emulated)
        self.ask("/window/rect", width=size[0], height=size[1])
        self.ask("/url", url=path.as_uri())

    def press(self, element, keys):
        """Keys on an element that a script has given the focus."""
        self.run("document.getElementById(arguments[0]).focus()", element)
        actions = [
            {"type": kind, "value": key}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        source = {"type": "key", "id": "keys", "actions": actions}
        self.ask("/actions", actions=[source])

    def close(self):
        request = urllib.request.Request(self.url, method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()
        self.process.terminate()
        self.process.wait()


LEFT, UP, RIGHT = "\ue012", "\ue013", "\ue014"
PICTURE = "return document.getElementById('example').toDataURL()"
VALUES = "return Array.from(state.values)"


@pytest.fixture(scope="module")
def browser():
    made = Browser()
    yield made
    made.close()


def decoded(model, browser, given=None):
    """What Python makes of the code that the page shows."""
    z = np.array(browser.run("return state.z"), np.float32)
    z = z.reshape(1, *model.encoder.event_shape)
    codes = z if given is None else (z, np.array([given]))
    mean = model.decode(codes).mean().numpy()
    return np.asarray(model.space.array(mean)).ravel()


def same(model, browser, given=None):
    """Double sums in the page, single ones in Python: 1e-5 of the largest."""
    expected = decoded(model, browser, given)
    np.testing.assert_allclose(
        browser.run(VALUES), expected, atol=1e-5 * np.abs(expected).max()
    )


@needs_browser
def test_two_dimensions(browser, tmp_path):
    """Sliders, keys and the map move the picture of `vae_digits`' like."""
    path = tmp_path / "page.html"
    model = keras_ae.VAE.create((5, 4, 1), 2, hidden=(16,), seed=0)
    x = np.random.default_rng(0).random([50, 5, 4, 1])
    assert not keras_ae.explore(model, path, x, np.arange(50) % 3, "a <b>")
    browser.open(path)
    title = "return document.querySelector('h1').textContent"
    assert browser.run(title) == "Codes of a <b>"
    same(model, browser)
    before = browser.run(PICTURE)
    browser.press("slider-1", RIGHT * 30)
    assert browser.run(PICTURE) != before
    same(model, browser)
    moved = browser.run("return state.z")
    browser.press("map", LEFT + UP)
    z = browser.run("return state.z")
    assert z[0] < moved[0] and z[1] > moved[1]
    same(model, browser)
    # A click in the middle of the map is the middle of the codes.
    browser.run("document.getElementById('middle').click()")
    middle = browser.run("return state.z")
    np.testing.assert_allclose(middle, model.embed(x).mean(axis=0), rtol=1e-4)
    browser.run("document.getElementById('random').click()")
    assert browser.run("return state.z") != middle
    same(model, browser)
    pixels = browser.run(
        "return Array.from(document.getElementById('example')"
        ".getContext('2d').getImageData(0, 0, 4, 5).data)"
    )
    grey = np.array(pixels).reshape(20, 4)[:, 0]
    shown = decoded(model, browser).clip(0, 1)
    np.testing.assert_allclose(grey, 255 * shown, atol=0.51)


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_and_dark_screen(dark, browser, tmp_path):
    path = tmp_path / "page.html"
    model = keras_ae.VAE.create((4, 4, 1), 16, hidden=(8,), seed=0)
    keras_ae.explore(model, path)
    browser.open(path, NARROW, dark)
    wide = "return document.documentElement.scrollWidth <= innerWidth"
    assert browser.run(wide)
    assert len(browser.run("return page.sliders")) == 16
    color = "return getComputedStyle(document.body).backgroundColor"
    dim = sum(map(int, browser.run(color)[4:-1].split(",")[:3])) < 3 * 64
    assert dim == dark
    same(model, browser)


@needs_browser
def test_convolutions_classes_and_series(browser, tmp_path):
    """Each layer of the page's script against Keras."""
    path = tmp_path / "page.html"
    images = keras_ae.VAE.create(
        (9, 6, 3), 3, network="strided", hidden=(4, 5), likelihood="bernoulli"
    )
    told = keras_ae.ConditionalVAE.create((6,), 2, hidden=(8,), condition=3)
    series = keras_ae.spaces.Series.from_series(10 + np.arange(40.0), 8)
    lines = keras_ae.VAE.create(series, 2, network="gated", hidden=(8,))
    layers = keras.layers
    body = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(24, "tanh"),
            layers.Reshape((4, 3, 2)),
            layers.Conv2D(5, (3, 2), (2, 1), "same", activation="softplus"),
            layers.Conv2DTranspose(4, 3, 2, "valid", activation="elu"),
            layers.Conv2D(3, 2, activation="silu"),
        ]
    )
    body = keras.Model(body.inputs[0], body.outputs[0])
    other = keras_ae.VAE(
        keras_ae.DistributionNetwork(layers.Flatten(), "gaussian", 2),
        keras_ae.DistributionNetwork(body, "gaussian", (4, 6, 1)),
    )
    other.build((None, 4, 6, 1))
    for model in (images, told, lines, other):
        assert not keras_ae.explore(model, path), model.name
        browser.open(path)
        browser.press("slider-0", RIGHT * 20)
        same(model, browser, 0 if model is told else None)
    keras_ae.explore(told, path)
    browser.open(path)
    browser.run(
        "document.getElementById('given').value = 2;"
        "document.getElementById('given').dispatchEvent(new Event('change'))"
    )
    same(told, browser, 2)


@needs_browser
def test_a_grid_where_the_decoder_cannot_run(browser, tmp_path):
    pd = pytest.importorskip("pandas")
    path = tmp_path / "page.html"
    frame = pd.DataFrame(
        {"a": np.sqrt(np.arange(30)), "b": ["u", "v", "w"] * 10}
    )
    space = keras_ae.spaces.Table.from_frame(frame)
    model = keras_ae.VAE.create(space, 3, hidden=(8,), seed=0)
    reason = keras_ae.explore(model, path, frame)
    assert reason == "the example is a row of a table"
    browser.open(path)
    cells = "return [...document.querySelectorAll('td')].map(c => c.innerText)"
    before = browser.run(cells)
    assert len(before) == 2 and before[1] in "uvw"
    browser.press("slider-0", RIGHT * 40)
    assert browser.run(cells) != before


def test_layers_that_are_not_in_the_page_are_named():
    model = keras_ae.VAE.create((8, 8, 1), 2, network="conv", hidden=(4, 4))
    with pytest.raises(ValueError, match="not among those of a page|no func"):
        network.network(model)


def test_what_cannot_be_explored_is_refused(tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match="at least 2"):
        keras_ae.explore(keras_ae.Autoencoder.create((4,), 1), path)
    model = keras_ae.Autoencoder.create((4,), 2, hidden=(8,))
    with pytest.raises(ValueError, match="5 labels, one for each"):
        keras_ae.explore(model, path, np.zeros([5, 4]), [1, 2])
    assert not path.exists()
