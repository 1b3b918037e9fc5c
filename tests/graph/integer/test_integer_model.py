"""What check refuses, each with the operator's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from integer_graphs import Chain

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights, window

OP_KINDS = ("conv", "depthwise", "average_pool", "add", "reshape", "dense", "requantize")
CONV, DEPTHWISE, POOL, ADD, RESHAPE, DENSE, REQUANTIZE = range(7)


@pytest.fixture(scope="module")
def graph() -> IntegerGraph:
    """One operator of each kind over an image of 6 × 5 × 3."""
    chain = Chain(np.random.default_rng(0), 8, (6, 5, 3))
    for kind in ("conv", "depthwise", "average_pool", "add", "dense", "requantize"):
        getattr(chain, kind)()
    made = chain.graph()
    assert tuple(op.kind for op in made.ops) == OP_KINDS
    return made


def _with_op(graph: IntegerGraph, index: int, **parts: Any) -> IntegerGraph:
    ops = list(graph.ops)
    ops[index] = replace(ops[index], **parts)
    return replace(graph, ops=tuple(ops))


def _with_weights(graph: IntegerGraph, index: int, **parts: Any) -> IntegerGraph:
    weights = graph.ops[index].weights
    assert weights is not None
    return _with_op(graph, index, weights=replace(weights, **parts))


def _with_activation(graph: IntegerGraph, index: int, **parts: Any) -> IntegerGraph:
    activations = list(graph.activations)
    activations[index] = replace(activations[index], **parts)
    return replace(graph, activations=tuple(activations))


def _weights(graph: IntegerGraph, index: int) -> Weights:
    weights = graph.ops[index].weights
    assert weights is not None
    return weights


def _conv_attributes(graph: IntegerGraph, **parts: Any) -> IntegerGraph:
    return _with_op(graph, CONV, attributes={**graph.ops[CONV].attributes, **parts})


BROKEN: list[tuple[Callable[[IntegerGraph], IntegerGraph], str]] = [
    (lambda g: _with_activation(g, 0, bits=1), r"activation 0 'a0': it has 1 bits"),
    (lambda g: _with_activation(g, 0, bits=17), "it has 17 bits"),
    (lambda g: _with_activation(g, 1, scale=0.0), r"activation 1 'a1': its scale 0"),
    (lambda g: _with_activation(g, 1, scale=float("nan")), "its scale nan"),
    (lambda g: _with_activation(g, 1, scale=-1.0), "its scale -1"),
    (lambda g: _with_activation(g, 1, zero_point=128), "128 is no code of 8 bits"),
    (lambda g: _with_activation(g, 1, bits=9, zero_point=1), "above 8 bits it must be 0"),
    (lambda g: _with_activation(g, 1, shape=(0, 1, 1)), "none of them empty"),
    (lambda g: _with_activation(g, 1, shape=()), "1 to 5 dimensions"),
    (lambda g: _with_activation(g, 1, name="\ud800"), "no Unicode text"),
    (lambda g: replace(g, name="\ud800"), "no Unicode text"),
    (lambda g: replace(g, input=99), "graph input: activation 99 does not exist"),
    (lambda g: replace(g, output=-1), "graph output: activation -1 does not exist"),
    (lambda g: replace(g, ops=g.ops[:-1]), "activation 7 'a7': no operator makes it"),
    (
        lambda g: _with_op(g, CONV, kind="softmaks"),
        r"operator 0 'conv0' \(softmaks\): unknown kind",
    ),
    (lambda g: _with_op(g, CONV, relu="tanh"), "its relu is tanh"),
    (lambda g: _with_op(g, CONV, inputs=()), "it has 0 inputs, not 1"),
    (lambda g: _with_op(g, ADD, inputs=(3,)), "it has 1 inputs, not 2"),
    (lambda g: _with_op(g, CONV, inputs=(5,)), "activation 5, is not made before it"),
    (lambda g: _with_op(g, CONV, output=99), "activation 99, does not exist"),
    (lambda g: _with_op(g, DEPTHWISE, output=1), "activation 1, is made twice"),
    (lambda g: _with_op(g, CONV, weights=None), "it has no weights"),
    (lambda g: _with_op(g, POOL, weights=_weights(g, CONV)), "it can't have weights"),
    (lambda g: _with_op(g, POOL, bias=np.zeros(1, np.int64)), "it can't have a bias"),
    (lambda g: _with_op(g, CONV, bias=np.zeros(99, np.int64)), r"its bias is int64\[99\]"),
    (lambda g: _with_op(g, DENSE, bias=np.zeros(1, np.int32)), r"its bias is int32"),
    (lambda g: _with_op(g, CONV, attributes={}), "must be strides, padding"),
    (lambda g: _with_op(g, ADD, attributes={"pool": (1, 1)}), "attributes must be none"),
    (lambda g: _conv_attributes(g, strides=(0, 1)), "strides must be two positive integers"),
    (lambda g: _conv_attributes(g, strides=[1, 1]), "strides must be two positive integers"),
    (lambda g: _conv_attributes(g, padding="full"), "its padding is full"),
    (lambda g: _with_op(g, RESHAPE, relu="relu"), "a reshape has no relu"),
    (lambda g: _with_op(g, REQUANTIZE, relu="relu6"), "a requantize has no relu6"),
    (lambda g: _with_weights(g, CONV, bits=9), "its weights have 9 bits"),
    (lambda g: _with_weights(g, CONV, bits=3), "leave the range -4 to 3 of 3 bits"),
    (lambda g: _with_weights(g, DENSE, codes=np.ones((2, 2, 2), np.int8)), "not 2 dimensions"),
    (lambda g: _with_weights(g, DENSE, codes=np.ones((2, 2), np.int16)), "codes are int16"),
    (lambda g: _with_weights(g, DENSE, codes=np.ones((1, 7), np.int8)), "weight scales|its input"),
    (lambda g: _with_weights(g, CONV, scale=np.ones(99, np.float32)), "scales are float32"),
    (lambda g: _with_weights(g, CONV, scale=np.ones(1)), "weight scales are float64"),
    (lambda g: _with_weights(g, CONV, scale=np.zeros(1, np.float32)), "its scale 0"),
    (
        lambda g: _with_weights(
            g, DENSE, codes=np.ones((1, 9), np.uint8), codebook=np.zeros(3, np.int8), bits=2
        ),
        r"codebook is int8\[3\], not int8\[4\]",
    ),
    (lambda g: _with_activation(g, 1, shape=(1, 1, 7)), "its output has shape"),
    (lambda g: _with_activation(g, 7, shape=(99,)), "its output has shape"),
    (lambda g: _with_activation(g, 1, bits=16, zero_point=0), "only a requantize crosses 8 bits"),
    (lambda g: _with_activation(g, 3, scale=9.0), "bits, scale and zero point of its input"),
    (lambda g: _with_activation(g, 5, shape=(1, 1)), "it can't make"),
    (lambda g: _with_activation(g, 4, scale=2.0**-50), "too far apart for an integer add"),
    (lambda g: _with_activation(g, 1, scale=2.0**-50), "requantization can overflow"),
    (
        lambda g: _with_op(g, CONV, bias=np.full_like(g.ops[CONV].bias, 2**31)),
        "its accumulator can leave 32 bits",
    ),
]


def test_a_whole_graph_passes(graph: IntegerGraph) -> None:
    assert graph.check() is graph


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_check_names_what_does_not_fit(
    graph: IntegerGraph, change: Callable[[IntegerGraph], IntegerGraph], message: str
) -> None:
    with pytest.raises(ModelFormatError, match=message) as caught:
        change(graph).check()
    assert "\n" not in str(caught.value)


def test_scale_is_the_float32_that_files_hold() -> None:
    assert Activation("a", (1,), 8, 0.1, 0).scale == float(np.float32(0.1))


def test_packed_sizes() -> None:
    binary = np.zeros((3, 3), np.uint8)
    weights = Weights(binary, 1, np.ones(1, np.float32), np.array([-1, 1], np.int8))
    assert weights.n_bytes == 2 + 2
    assert np.array_equal(weights.values(), np.full((3, 3), -1))
    assert Activation("a", (3, 3), 3, 1.0, 0).n_bytes == 4
    activations = (Activation("a", (3,), 8, 1.0, 0), Activation("b", (3,), 8, 1.0, 0))
    op = Op("dense", "dense", (0,), 1, weights)
    assert IntegerGraph("g", activations, (op,), 0, 1).check().weight_bytes == 4


@pytest.mark.parametrize(
    ("extent", "size", "stride", "padding", "expected"),
    [
        (10, 3, 1, "same", (10, 1, 1)),
        (10, 4, 1, "same", (10, 1, 2)),
        (10, 3, 2, "same", (5, 0, 1)),
        (5, 1, 3, "same", (2, 0, 0)),
        (10, 3, 2, "valid", (4, 0, 0)),
    ],
)
def test_window(
    extent: int, size: int, stride: int, padding: str, expected: tuple[int, int, int]
) -> None:
    assert window(extent, size, stride, padding) == expected
