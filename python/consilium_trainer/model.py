"""Models: float32 arrays by name."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

import numpy
from safetensors.numpy import save_file

Shapes = Dict[str, Tuple[int, ...]]


def checked(model: Mapping[str, object], shapes: Optional[Shapes] = None) -> Dict[str, numpy.ndarray]:
    """The model as float32, if it has the expected names and shapes and every value is finite."""
    # Not numpy.ascontiguousarray, which makes an array of one dimension out of a number.
    arrays = {str(name): numpy.array(value, dtype=numpy.float32, order="C") for name, value in model.items()}
    if shapes is not None:
        found = {name: array.shape for name, array in arrays.items()}
        if found != shapes:
            raise ValueError(f"the model has the tensors {found}, expected {shapes}")
    for name, array in arrays.items():
        if not numpy.isfinite(array).all():
            raise ValueError(f"tensor {name!r} has a value that is not finite")
    return arrays


def shapes_of(model: Mapping[str, numpy.ndarray]) -> Shapes:
    """Names and shapes."""
    return {name: array.shape for name, array in model.items()}


def listed(shapes: Shapes) -> list:
    """Names and shapes as JSON has them."""
    return [{"name": name, "shape": list(shape)} for name, shape in shapes.items()]


def save(model: Mapping[str, numpy.ndarray], path: str) -> None:
    """Writes the model as safetensors."""
    save_file(dict(model), path)
