"""What an institution trains on."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy
from safetensors.numpy import load_file


class Rows(NamedTuple):
    """The rows of an institution, prepared by its client, or where to read them."""

    features: Optional[numpy.ndarray]
    """Standardised, ``[rows, width]``, float32."""
    labels: Optional[numpy.ndarray]
    """1 for a positive row, else 0, ``[rows]``, float32."""
    path: Optional[str]
    """The file under ``--data``, where the client runs with ``--raw-data``; the arrays are then absent."""


def load_rows(table: Optional[str], data: Optional[str]) -> Rows:
    """Reads what the client has prepared, if it has."""
    if table is None:
        return Rows(None, None, data)
    arrays = load_file(table)
    return Rows(arrays["features"], arrays["labels"], None)
