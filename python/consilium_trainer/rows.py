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
    """Of two classes 1 for a positive row, else 0; of several the number of the class, from 0; or a number as a fraction of
    the dictionary's range. ``[rows]``, float32."""
    path: Optional[str]
    """The file under ``--data``, where the client runs with ``--raw-data``; the arrays are then absent."""


def load_rows(table: Optional[str], data: Optional[str]) -> Rows:
    """Reads what the client has prepared, if it has."""
    if table is None:
        return Rows(None, None, data)
    arrays = load_file(table)
    return Rows(arrays["features"], arrays["labels"], None)
