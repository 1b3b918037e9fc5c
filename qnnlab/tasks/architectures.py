"""Reference networks, untrained, as tf_keras models.

Where MLPerf Tiny has one, this is it: the same layers, MACs and weights (Banbury et al. 2021,
arXiv:2106.07597). Convolutions before a batch norm carry no bias of their own, which folding
would merge anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qnnlab import backend

_MOMENTUM = 0.9  # Keras's 0.99 needs more steps than a short training has
_KWS_DROPOUT = (0.2, 0.4)

Shape = Sequence[int]


def _layers() -> Any:
    return backend.keras().layers


def _bn_relu(x: Any, relu: bool = True) -> Any:
    x = _layers().BatchNormalization(momentum=_MOMENTUM)(x)
    return _layers().ReLU()(x) if relu else x


def _conv(x: Any, filters: int, kernel: Any, strides: Any = 1, relu: bool = True) -> Any:
    layer = _layers().Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)
    return _bn_relu(layer(x), relu)


def _separable(x: Any, filters: int, kernel: Any = 3, strides: Any = 1) -> Any:
    layer = _layers().DepthwiseConv2D(kernel, strides=strides, padding="same", use_bias=False)
    return _conv(_bn_relu(layer(x)), filters, 1)


def _pooled(x: Any) -> Any:
    """Average over the whole picture, as AVERAGE_POOL_2D and RESHAPE: every runtime has those."""
    height, width = x.shape[1:3]
    return _layers().Flatten()(_layers().AveragePooling2D((height, width))(x))


def _classifier(inputs: Any, features: Any, classes: int, name: str) -> Any:
    outputs = _layers().Dense(classes, activation="softmax")(features)
    return backend.keras().Model(inputs, outputs, name=name)


def cnn_2d(input_shape: Shape, classes: int) -> Any:
    """A small CNN with one depthwise convolution, for images from 8×8."""
    inputs = _layers().Input(tuple(input_shape))
    x = _separable(_conv(inputs, 16, 3), 32)
    x = _conv(_layers().MaxPooling2D()(x), 48, 3)
    return _classifier(inputs, _pooled(x), classes, "cnn_2d")


def cnn_1d(input_shape: Shape, classes: int, widths: Sequence[int] = (16, 32, 48)) -> Any:
    """A small CNN over time for signals (time, channels), halving time at each convolution.

    Time is laid along the height of 2-D convolutions: that is how TFLite runs 1-D ones, and
    tensorflow-model-optimization quantizes only those.
    """
    inputs = _layers().Input(tuple(input_shape))
    time, channels = input_shape
    x = _layers().Reshape((time, 1, channels))(inputs)
    for filters in widths:
        x = _conv(x, filters, (5, 1), (2, 1))
    return _classifier(inputs, _pooled(x), classes, "cnn_1d")


def mlp(input_shape: Shape, classes: int) -> Any:
    """Two hidden layers of 64, for plain feature vectors."""
    inputs = x = _layers().Input(tuple(input_shape))
    for _ in range(2):
        x = _bn_relu(_layers().Dense(64, use_bias=False)(x))
    return _classifier(inputs, x, classes, "mlp")


def ds_cnn(input_shape: Shape, classes: int) -> Any:
    """DS-CNN of MLPerf Tiny's keyword spotting (Zhang et al. 2017, arXiv:1711.07128)."""
    inputs = _layers().Input(tuple(input_shape))
    x = _layers().Dropout(_KWS_DROPOUT[0])(_conv(inputs, 64, (10, 4), 2))
    for _ in range(4):
        x = _separable(x, 64)
    x = _pooled(_layers().Dropout(_KWS_DROPOUT[1])(x))
    return _classifier(inputs, x, classes, "ds_cnn")


def resnet8(input_shape: Shape, classes: int) -> Any:
    """ResNet-8 of MLPerf Tiny's image classification (He et al. 2015, arXiv:1512.03385)."""
    inputs = _layers().Input(tuple(input_shape))
    x = _conv(inputs, 16, 3)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = _conv(_conv(x, filters, 3, strides), filters, 3, relu=False)
        if strides > 1:
            x = _layers().Conv2D(filters, 1, strides=strides, padding="same")(x)
        x = _layers().ReLU()(_layers().Add()([x, y]))
    return _classifier(inputs, _pooled(x), classes, "resnet8")


_MOBILENET = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)


def mobilenet_v1(input_shape: Shape, classes: int, width: float = 0.25) -> Any:
    """MobileNetV1 of MLPerf Tiny's visual wake words (Howard et al. 2017, arXiv:1704.04861)."""
    inputs = _layers().Input(tuple(input_shape))
    x = _conv(inputs, int(32 * width), 3, 2)
    for filters, strides in (*_MOBILENET, (1024, 2), (1024, 1)):
        x = _separable(x, int(filters * width), strides=strides)
    return _classifier(inputs, _pooled(x), classes, "mobilenet_v1")


def autoencoder(input_shape: Shape, classes: int = 0) -> Any:
    """The 640-128-128-128-128-8-…-640 autoencoder of MLPerf Tiny's anomaly detection.

    From the baseline of DCASE 2020 task 2 (Koizumi et al. 2020, arXiv:2006.05822).
    """
    (size,) = input_shape
    inputs = x = _layers().Input((size,))
    for units in (*[128] * 4, 8, *[128] * 4):
        x = _bn_relu(_layers().Dense(units)(x))
    return backend.keras().Model(inputs, _layers().Dense(size)(x), name="autoencoder")


ARCHITECTURES: Mapping[str, Callable[[Shape, int], Any]] = {
    "autoencoder": autoencoder,
    "cnn_1d": cnn_1d,
    "cnn_2d": cnn_2d,
    "ds_cnn": ds_cnn,
    "mlp": mlp,
    "mobilenet_v1": mobilenet_v1,
    "resnet8": resnet8,
}
