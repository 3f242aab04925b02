"""The layers that world models are made of, in numpy, float32. Weights are views of the file, `[out, in]`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from router.world.tensors import Tensors

__all__ = ["Linear", "Norm", "gelu", "normal", "softmax"]

Floats = npt.NDArray[np.float32]
EPSILON = np.float32(1e-5)


class Linear:
    """y = x·Wᵀ + b, with `name.weight` and `name.bias`."""

    __slots__ = ("_bias", "_weight", "out")

    def __init__(self, tensors: Tensors, name: str, width: int, out: int | None):
        """`out` None: as many as the file has. Raises WorldError."""
        self._weight = tensors.take(f"{name}.weight", out, width)
        self.out = self._weight.shape[0]
        self._bias = tensors.take(f"{name}.bias", self.out)

    def __call__(self, x: Floats) -> Floats:
        """[..., width] → [..., out]."""
        y: Floats = x @ self._weight.T
        y += self._bias
        return y


class Norm:
    """LayerNorm with weights."""

    __slots__ = ("_bias", "_weight")

    def __init__(self, tensors: Tensors, name: str, width: int):
        """Raises WorldError."""
        self._weight, self._bias = tensors.take(f"{name}.weight", width), tensors.take(f"{name}.bias", width)

    def __call__(self, x: Floats) -> Floats:
        """Along the last axis."""
        y = normal(x)
        y *= self._weight
        y += self._bias
        return y


def normal(x: Floats) -> Floats:
    """LayerNorm without weights, along the last axis."""
    y: Floats = x - x.mean(axis=-1, keepdims=True)
    y /= np.sqrt(np.square(y).mean(axis=-1, keepdims=True) + EPSILON)
    return y


def softmax(x: Floats) -> Floats:
    """Along the last axis; `x` is overwritten."""
    x -= x.max(axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=-1, keepdims=True)
    return x


def gelu(x: Floats) -> Floats:
    """By its tanh approximation."""
    y: Floats = x * x
    y *= np.float32(0.044715 * 0.7978845608028654)
    y += np.float32(0.7978845608028654)
    y *= x
    np.tanh(y, out=y)
    y += 1
    y *= x
    y *= np.float32(0.5)
    return y
