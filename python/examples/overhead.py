"""How long one of the other examples takes inside, for `trainer/examples/overhead.rs`.

Options: those of the example, and "example": "scikit_learn" or "pytorch".
"""

import importlib
import json
import time

inside = 0.0


def example(options):
    return importlib.import_module(json.loads(options)["example"])


def describe(options):
    return example(options).describe(options)


def train(model, rows, options, step, seed):
    global inside
    start = time.perf_counter()
    local = example(options).train(model, rows, options, step, seed)
    inside = time.perf_counter() - start
    return local


def evaluate(model, rows, options):
    return {"inside_ms": inside * 1e3}
