"""A preset replaces no files of something else."""

import matplotlib.pyplot as plt
import pytest

import keras_ae
from keras_ae.zoo import store


def files_of(folder):
    paths = [p for p in folder.rglob("*") if p.is_file()]
    return {p.name: p.read_bytes() for p in paths}


def test_pictures_of_something_else_stay(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "picture.png").write_text("mine")
    model = keras_ae.Autoencoder.create(3, 2, hidden=(4,))
    pictures = {"picture.png": plt.figure(figsize=(1, 1))}
    with pytest.raises(ValueError, match=r"no preset.*\['picture.png'\]"):
        store.save(model, folder, pictures)
    assert files_of(folder) == {"picture.png": b"mine"}
    store.save(model, folder)  # without pictures
    assert (folder / "picture.png").read_text() == "mine"
    store.save(model, folder, pictures)  # of a preset they are replaced
    assert (folder / "picture.png").read_bytes()[1:4] == b"PNG"


def test_what_is_no_place_for_a_preset_is_refused(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("mine")
    for place in file, file / "preset":
        with pytest.raises(ValueError, match="which is a file"):
            store.check_place(place)
    assert files_of(tmp_path) == {"file.txt": b"mine"}
