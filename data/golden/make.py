"""Make the golden models: `python data/golden/make.py [NAME…]`, from the checkout.

Each case is one Keras expression, converted and run; see README.md. Given names, only those are
made anew and the other rows of index.csv stay.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sys
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.errors import RuntimeFault
from qnnlab.files import write_atomic
from qnnlab.graph.model import Graph
from qnnlab.graph.runtimes import run_model, runtime_version
from qnnlab.graph.tflite import parse_tflite
from qnnlab.methods.convert import to_tflite

HERE = Path(__file__).resolve().parent
RUNTIMES = ("tflm", "litert_reference")
COLUMNS = (
    *("name", "scheme", "file", "sha256", "operators", "layer", "converter", *RUNTIMES),
    *("tensorflow", "litert", "tflm_version"),
)
SAMPLES = 24
REASON_LENGTH = 300

#: What `to_tflite` is asked for; the integer schemes are calibrated too.
SCHEMES: dict[str, dict[str, Any]] = {
    "int8": {"activations": "int8", "quantize_weights": True},
    "int16x8": {"activations": "int16", "quantize_weights": True},
    "float32": {},
    "dynamic": {"quantize_weights": True},
    "float16": {"quantize_weights": True, "float16": True},
}
INTEGER = ("int8", "int16x8")

#: Input shape without the batch, and the expression of `x`. `L` is keras.layers, `A` is
#: keras.activations, `V1` is tf.compat.v1.image and const(*shape) a random constant.
CASES: dict[str, tuple[tuple[int, ...], str]] = {
    "conv2d_same": ((4, 3, 2), "L.Conv2D(2, 3, padding='same')(x)"),
    "conv2d_valid": ((4, 4, 2), "L.Conv2D(3, 3)(x)"),
    "conv2d_stride2_same": ((5, 4, 1), "L.Conv2D(3, (3, 2), strides=2, padding='same')(x)"),
    "conv2d_relu": ((4, 3, 2), "L.Conv2D(2, 3, padding='same', activation='relu')(x)"),
    "conv2d_relu6": ((4, 3, 2), "L.Conv2D(2, 3, padding='same', activation='relu6')(x)"),
    "conv2d_1x1": ((2, 2, 4), "L.Conv2D(3, 1)(x)"),
    "conv2d_wide": ((3, 3, 4), "L.Conv2D(29, 3)(x)"),
    "conv2d_dilated": ((5, 4, 1), "L.Conv2D(2, 3, dilation_rate=2, padding='same')(x)"),
    "conv2d_dilated_valid": ((5, 5, 1), "L.Conv2D(3, 3, dilation_rate=2)(x)"),
    "conv2d_grouped": ((3, 3, 4), "L.Conv2D(4, 3, groups=2)(x)"),
    "conv1d": ((6, 3), "L.Conv1D(3, 3, activation='relu')(x)"),
    "depthwise": ((4, 3, 2), "L.DepthwiseConv2D(3, padding='same')(x)"),
    "depthwise_relu6": ((4, 3, 2), "L.DepthwiseConv2D(3, padding='same', activation='relu6')(x)"),
    "depthwise_multiplier2": ((4, 3, 2), "L.DepthwiseConv2D(3, depth_multiplier=2)(x)"),
    "depthwise_stride2": ((5, 3, 2), "L.DepthwiseConv2D(3, strides=2, padding='same')(x)"),
    "depthwise_dilated": ((5, 4, 1), "L.DepthwiseConv2D(3, dilation_rate=2, padding='same')(x)"),
    "depthwise_one_channel": (
        (4, 3, 1),
        "L.DepthwiseConv2D(3, depth_multiplier=4, activation='relu')(x)",
    ),
    "separable_conv": ((4, 3, 2), "L.SeparableConv2D(3, 3)(x)"),
    "dense": ((12,), "L.Dense(5)(x)"),
    "dense_no_bias": ((12,), "L.Dense(5, use_bias=False)(x)"),
    "dense_relu": ((12,), "L.Dense(5, activation='relu')(x)"),
    "dense_relu6": ((12,), "L.Dense(5, activation='relu6')(x)"),
    "dense_rows": ((2, 6), "L.Dense(4)(x)"),
    "dense_wide": ((32,), "L.Dense(32)(x)"),
    "dense_dense": ((12,), "L.Dense(4)(L.Dense(6, activation='relu')(x))"),
    "transpose_conv_stride2": (
        (2, 2, 1),
        "L.Conv2DTranspose(2, 3, strides=2, padding='same')(x)",
    ),
    "transpose_conv_stride2_no_bias": (
        (2, 2, 1),
        "L.Conv2DTranspose(2, 3, strides=2, padding='same', use_bias=False)(x)",
    ),
    "transpose_conv_valid": ((1, 2, 2), "L.Conv2DTranspose(2, 2)(x)"),
    "transpose_conv_valid_no_bias": ((1, 2, 2), "L.Conv2DTranspose(2, 2, use_bias=False)(x)"),
    "average_pool": ((4, 2, 2), "L.AveragePooling2D(2)(x)"),
    "average_pool_same": ((5, 3, 2), "L.AveragePooling2D(3, strides=2, padding='same')(x)"),
    "max_pool": ((4, 2, 2), "L.MaxPooling2D(2)(x)"),
    "max_pool_same": ((5, 3, 1), "L.MaxPooling2D(3, strides=2, padding='same')(x)"),
    "global_average_pool": ((3, 3, 2), "L.GlobalAveragePooling2D()(x)"),
    "global_average_pool_keepdims": ((3, 3, 2), "L.GlobalAveragePooling2D(keepdims=True)(x)"),
    "global_max_pool": ((3, 3, 2), "L.GlobalMaxPooling2D()(x)"),
    "mean_last_axis": ((2, 2, 4), "tf.reduce_mean(x, axis=-1)"),
    "mean_all_axes": ((2, 2, 4), "tf.reduce_mean(x, axis=[1, 2, 3])"),
    "reduce_max": ((2, 2, 4), "tf.reduce_max(x, axis=-1)"),
    "reduce_min": ((2, 2, 4), "tf.reduce_min(x, axis=-1)"),
    "mean_height": ((2, 2, 3), "tf.reduce_mean(x, axis=1)"),
    "sum_height_width": ((2, 2, 3), "tf.reduce_sum(x, axis=[1, 2])"),
    "sum": ((2, 2, 4), "tf.reduce_sum(x, axis=-1)"),
    "add": ((2, 2, 3), "x + tf.nn.relu(x)"),
    "add_relu": ((2, 2, 3), "tf.nn.relu(x + tf.tanh(x))"),
    "add_vector": ((2, 2, 3), "x + const(3)"),
    "add_scalar": ((2, 2, 3), "x + 0.7"),
    "add_broadcast": ((3, 4), "x[:, :, :1] + x[:, :1, :]"),
    "sub": ((2, 2, 3), "x - tf.nn.relu(x)"),
    "sub_vector": ((2, 2, 3), "x - const(3)"),
    "vector_sub": ((2, 2, 3), "const(3) - x"),
    "mul": ((2, 2, 3), "x * tf.nn.relu(x)"),
    "mul_vector": ((2, 2, 3), "x * const(3)"),
    "mul_scalar": ((2, 2, 3), "x * 0.37"),
    "mul_broadcast": ((2, 2, 3), "x * tf.reduce_mean(x, axis=[1, 2], keepdims=True)"),
    "squeeze_excite": (
        (2, 2, 3),
        "x * L.Conv2D(3, 1, activation='sigmoid')(L.GlobalAveragePooling2D(keepdims=True)(x))",
    ),
    "div": ((2, 2, 3), "x / (tf.nn.relu(x) + 1.0)"),
    "maximum": ((2, 2, 4), "tf.maximum(*tf.split(x, 2, axis=-1))"),
    "maximum_vector": ((2, 2, 3), "tf.maximum(x, const(3))"),
    "minimum": ((2, 2, 4), "tf.minimum(*tf.split(x, 2, axis=-1))"),
    "concat_2_channel": ((2, 2, 2), "tf.concat([x, tf.nn.relu(x)], axis=-1)"),
    "concat_3_channel": ((2, 2, 2), "tf.concat([tf.tanh(x), x, tf.nn.relu(x)], axis=-1)"),
    "concat_2_height": ((2, 2, 2), "tf.concat([x, tf.nn.relu(x)], axis=1)"),
    "concat_3_height": ((2, 2, 2), "tf.concat([tf.tanh(x), x, tf.nn.relu(x)], axis=1)"),
    "pad": ((2, 2, 2), "L.ZeroPadding2D(((1, 0), (0, 1)))(x)"),
    "pad_constant": (
        (2, 2, 2),
        "tf.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]], constant_values=0.6)",
    ),
    "mirror_pad_reflect": ((3, 2, 1), "tf.pad(x, [[0, 0], [1, 1], [0, 1], [0, 0]], 'REFLECT')"),
    "mirror_pad_symmetric": ((3, 2, 1), "tf.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]], 'SYMMETRIC')"),
    "reshape": ((2, 3), "L.Reshape((3, 2))(x)"),
    "flatten_dense": ((3, 2, 2), "L.Dense(4)(L.Flatten()(x))"),
    "softmax": ((10,), "tf.nn.softmax(x)"),
    "softmax_4d": ((2, 1, 5), "tf.nn.softmax(x)"),
    "dense_softmax": ((8,), "L.Dense(4, activation='softmax')(x)"),
    "log_softmax": ((10,), "tf.nn.log_softmax(x)"),
    "relu": ((12,), "tf.nn.relu(x)"),
    "relu6": ((12,), "tf.nn.relu6(x)"),
    "mul_relu6": ((12,), "tf.nn.relu6(x * 4.0)"),
    "relu_n1_to_1": ((12,), "tf.clip_by_value(x, -1.0, 1.0)"),
    "leaky_relu": ((12,), "tf.nn.leaky_relu(x, alpha=0.1)"),
    "prelu": ((2, 2, 3), "L.PReLU(shared_axes=[1, 2])(x)"),
    "logistic": ((12,), "tf.sigmoid(x)"),
    "tanh": ((12,), "tf.tanh(x)"),
    "hard_swish": ((12,), "x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)"),
    "hard_sigmoid": ((12,), "tf.nn.relu6(x + 3.0) * (1.0 / 6.0)"),
    "elu": ((12,), "tf.nn.elu(x)"),
    "gelu": ((12,), "A.gelu(x)"),
    "gelu_tanh": ((12,), "A.gelu(x, approximate=True)"),
    "swish": ((12,), "x * tf.sigmoid(x)"),
    "strided_slice": ((5, 4, 1), "x[:, 1:5:2, 1:, :]"),
    "strided_slice_negative": ((5, 2, 2), "x[:, ::-2, :, :]"),
    "strided_slice_shrink": ((5, 4), "x[:, 3, :]"),
    "slice": ((5, 4), "tf.slice(x, [0, 1, 1], [1, 3, 2])"),
    "split_concat": ((2, 6), "tf.concat(tf.split(x, 3, axis=-1)[::-1], axis=-1)"),
    "split_v": ((2, 6), "tf.concat(tf.split(x, [1, 3, 2], axis=-1)[::-1], axis=-1)"),
    "unpack_add": ((2, 8), "tf.add(*tf.unstack(x, axis=1))"),
    "pack": ((2, 5), "tf.stack([x, tf.nn.relu(x)], axis=1)"),
    "transpose": ((2, 3, 3), "L.Permute((3, 1, 2))(x)"),
    "squeeze": ((1, 6), "tf.squeeze(x, axis=1)"),
    "expand_dims": ((6,), "tf.expand_dims(x, axis=1)"),
    "resize_nearest": ((2, 2, 2), "L.UpSampling2D(2)(x)"),
    "resize_nearest_align": (
        (2, 3, 1),
        "V1.resize_nearest_neighbor(x, (4, 5), align_corners=True)",
    ),
    "resize_nearest_half_pixel": (
        (2, 3, 1),
        "V1.resize_nearest_neighbor(x, (4, 5), half_pixel_centers=True)",
    ),
    "resize_bilinear": ((2, 3, 1), "tf.image.resize(x, (4, 6))"),
    "resize_bilinear_plain": ((2, 3, 1), "V1.resize_bilinear(x, (4, 6))"),
    "resize_bilinear_align": ((2, 3, 1), "V1.resize_bilinear(x, (4, 5), align_corners=True)"),
    "space_to_depth": ((2, 2, 2), "tf.nn.space_to_depth(x, 2)"),
    "depth_to_space": ((2, 1, 8), "tf.nn.depth_to_space(x, 2)"),
    "space_to_batch": ((2, 2, 2), "tf.space_to_batch(x, [2, 2], [[0, 0], [0, 0]])"),
    "batch_norm": ((2, 2, 3), "L.BatchNormalization()(x)"),
    "abs": ((12,), "tf.abs(x)"),
    "neg": ((12,), "-x"),
    "square": ((12,), "tf.square(x)"),
    "squared_difference": ((2, 2, 3), "tf.math.squared_difference(x, const(3))"),
    "exp": ((12,), "tf.exp(x)"),
    "rsqrt": ((12,), "tf.math.rsqrt(x)"),
    "sqrt": ((12,), "tf.sqrt(x)"),
    "log": ((12,), "tf.math.log(x)"),
    "l2_normalize": ((2, 6), "tf.math.l2_normalize(x, axis=-1)"),
    "batch_matmul": ((2, 4), "tf.matmul(x, tf.tanh(x), transpose_b=True)"),
    "batch_matmul_plain": ((3, 3), "tf.matmul(x, tf.tanh(x))"),
    "residual": (
        (3, 2, 2),
        "tf.nn.relu(x + L.Conv2D(2, 3, padding='same')(x))",
    ),
    "requantize": ((2, 4), "tf.concat([x * 3.0, x], axis=-1)"),
    "argmax": ((3, 6), "tf.argmax(x, axis=-1, output_type=tf.int32)"),
    "gather": ((5, 3), "tf.gather(x, [3, 0, 4], axis=1)"),
    "argmin": ((3, 6), "tf.argmin(x, axis=-1, output_type=tf.int32)"),
    "gather_nd": ((4, 3), "tf.gather_nd(x, [[[0, 2], [0, 1]]])"),
    "reverse": ((4, 3), "tf.reverse(x, axis=[1])"),
    "cumsum": ((4, 3), "tf.cumsum(x, axis=1)"),
    "select": ((3, 4), "tf.where(x > 0.5, x, const(4))"),
    "tiny_cnn": (
        (4, 4, 2),
        "L.Dense(3, activation='softmax')(L.Flatten()(L.MaxPooling2D(2)("
        "L.Conv2D(3, 3, padding='same', activation='relu')(x))))",
    ),
    "simple_rnn": ((3, 3), "L.SimpleRNN(3, unroll=True)(x)"),
    "lstm": ((4, 3), "L.LSTM(3, return_sequences=True)(x)"),
    "lstm_last": ((4, 3), "L.LSTM(3)(x)"),
}
#: Defined for positive numbers alone, so calibrated and run on them.
POSITIVE = ("rsqrt", "sqrt", "log")
#: Calibrated far beyond the 6 or the 3 where they bend.
WIDE = ("relu6", "hard_swish", "hard_sigmoid", "logistic", "tanh", "swish", "softmax")
#: What LiteRT's reference kernels answer here depends on memory they did not write.
UNSTABLE = ("sum", "sum_height_width")
#: The schemes of the cases that are not made in the two integer ones. The converter leaves
#: weights of fewer than 1,024 elements as they are in a dynamic-range model.
OTHER = {
    "conv2d_valid": (*INTEGER, "float32", "float16"),
    "dense": (*INTEGER, "float32", "float16"),
    "conv2d_wide": ("dynamic",),
    "dense_wide": ("dynamic",),
}


def build(name: str, rng: np.random.Generator) -> Any:
    """The Keras model of a case, its weights random."""
    tf, keras = backend.tensorflow(), backend.keras()
    shape, expression = CASES[name]
    backend.fresh_session(0)
    scope = {
        "tf": tf,
        "L": keras.layers,
        "A": keras.activations,
        "V1": tf.compat.v1.image,
        "x": keras.Input(batch_size=1, shape=shape),
        "const": lambda *shape: tf.constant(rng.normal(0, 1, shape).astype(np.float32)),
    }
    model = keras.Model(scope["x"], eval(expression, scope))
    for weight in model.weights:
        if "variance" in weight.name:
            drawn = rng.uniform(0.5, 1.5, weight.shape)
        else:
            drawn = rng.normal(0, 0.5, weight.shape)
        weight.assign(drawn)
    return model


def calibration(name: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Random representative samples, off centre so that zero points are too."""
    shape = (64, *CASES[name][0])
    spread = 4.0 if name in WIDE else 1.2
    drawn = rng.uniform(0.05, 4, shape) if name in POSITIVE else rng.normal(0.3, spread, shape)
    return drawn.astype(np.float32)


def stripped(model: bytes) -> bytes:
    """The model without the converter's notes and names, which nothing here reads."""
    from tensorflow.lite.tools import flatbuffer_utils as utils

    root = utils.convert_bytearray_to_object(bytearray(model))
    root.metadata = None
    root.signatureDefs = None
    used = {tensor.buffer for graph in root.subgraphs for tensor in graph.tensors}
    # Beside the notes, the first states of an LSTM lie there unused, of other bytes every time.
    for index, buffer in enumerate(root.buffers):
        if index not in used:
            buffer.data = None
    del root.buffers[max(used) + 1 :]
    utils.strip_strings(root)
    return bytes(utils.convert_object_to_bytearray(root))


def draw(graph: Graph, positive: bool, rng: np.random.Generator) -> NDArray[Any]:
    """Samples over the input's range: all lowest, all highest, all zero, then random ones."""
    tensor = graph.tensors[graph.inputs[0]]
    shape = (SAMPLES, *tensor.shape[1:])
    if tensor.dtype == "float32":
        low, high, zero = -4.0, 4.0, 0.0
        samples = (rng.integers(-64, 64, shape, endpoint=True) / 16).astype(np.float32)
    else:
        assert tensor.quantization is not None
        limits, zero = np.iinfo(tensor.dtype), int(tensor.quantization.zero_point[0])
        low, high = zero if positive else limits.min, limits.max
        samples = rng.integers(low, high, shape, tensor.dtype, endpoint=True)
    samples[0], samples[1], samples[2] = low, high, zero
    return samples


def one_line(error: Exception) -> str:
    """The first line of a message, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:REASON_LENGTH]


def archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A compressed .npz that is the same whenever it is written."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            packed.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def answers(
    name: str, model: bytes, inputs: NDArray[Any]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The outputs of the runtimes that ran, and in words how it went with each."""
    outputs, outcomes = {}, {}
    for runtime in RUNTIMES:
        if runtime == "litert_reference" and name in UNSTABLE:
            outcomes[runtime] = "left out: its integer SUM is wrong and differs from run to run"
            continue
        try:
            answer = run_model(model, inputs, runtime).outputs
        except RuntimeFault as error:
            outcomes[runtime] = one_line(error)
            continue
        assert answer is not None
        outputs[runtime], outcomes[runtime] = answer, "ran"
    return outputs, outcomes


def make(name: str, scheme: str) -> dict[str, str]:
    """Write the files of one case in one scheme; returns its row."""
    row = dict.fromkeys(COLUMNS, "") | {
        "name": name,
        "scheme": scheme,
        "layer": CASES[name][1],
        "tensorflow": backend.tensorflow().__version__,
        "litert": runtime_version("litert_reference"),
        "tflm_version": runtime_version("tflm"),
    }
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    model = build(name, rng)
    samples = calibration(name, rng) if scheme in INTEGER else None
    stem = f"{name}.{scheme}"
    try:
        content = to_tflite(model, **SCHEMES[scheme], calibration=samples)
    except Exception as error:  # the converter raises whatever its passes do
        for suffix in (".tflite", ".npz"):
            (HERE / f"{stem}{suffix}").unlink(missing_ok=True)
        return row | {"converter": one_line(error)}
    content = stripped(content)
    graph = parse_tflite(content)
    inputs = draw(graph, name in POSITIVE, rng)
    outputs, outcomes = answers(name, content, inputs)
    write_atomic(HERE / f"{stem}.tflite", content)
    write_atomic(HERE / f"{stem}.npz", archive({"inputs": inputs, **outputs}))
    return row | {
        **outcomes,
        "file": f"{stem}.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "operators": " ".join(operator.name for operator in graph.operators),
        "converter": "converted",
    }


def keep(rows: Iterable[Mapping[str, str]]) -> None:
    """Put `rows` into index.csv, in the order of CASES."""
    path = HERE / "index.csv"
    known = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as stream:
            known = {(row["name"], row["scheme"]): row for row in csv.DictReader(stream)}
    known |= {(row["name"], row["scheme"]): dict(row) for row in rows}
    ordered = [known[n, s] for n in CASES for s in SCHEMES if (n, s) in known]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(ordered)
    write_atomic(path, text.getvalue())


def main(names: list[str]) -> None:
    """Make the named cases, or all."""
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise SystemExit(f"unknown: {' '.join(unknown)}; there are {' '.join(CASES)}")
    for name in names or CASES:
        for scheme in OTHER.get(name, INTEGER):
            row = make(name, scheme)
            # Kept at once: the converter is native code and may take the process with it.
            keep([row])
            shown = [row[column] for column in ("converter", *RUNTIMES)]
            print(f"{name} {scheme}: {row['operators']} | {' | '.join(shown)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
