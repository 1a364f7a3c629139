"""Kinds of files that answer like a model, one module each."""

from keras_ae.model.formats import litert
from keras_ae.model.formats import onnx
from keras_ae.model.formats import openvino
from keras_ae.model.formats import saved_model
from keras_ae.model.formats import stablehlo
from keras_ae.model.formats.base import Format

#: name -> `Format`; the names are those of `keras.Model.export`, and one more.
FORMATS: dict[str, Format] = {
    "tf_saved_model": saved_model.FORMAT,
    "onnx": onnx.FORMAT,
    "litert": litert.FORMAT,
    "openvino": openvino.FORMAT,
    "stablehlo": stablehlo.FORMAT,
}
