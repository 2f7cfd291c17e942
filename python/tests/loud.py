"""A trainer for the tests, which prints wherever it can. Options say how it misbehaves."""

import os
import subprocess

import numpy

print("printed by the file itself")


def describe(options):
    print("printed by describe")
    return {"a": numpy.zeros((2, 3)), "b": numpy.float32(1.0)}


def train(model, rows, options, step, seed):
    print("printed by train", end="")
    os.write(1, b"written to the descriptor\n")
    subprocess.run(["echo", "echoed by a child"], check=True)
    if options == "raise":
        raise RuntimeError("no\nmodel")
    if options == "nan":
        return {"a": numpy.full((2, 3), numpy.nan), "b": 0.0}
    if options == "shape":
        return {"a": numpy.zeros((3, 2)), "b": 0.0}
    if options == "name":
        return {"a": numpy.zeros((2, 3)), "c": 0.0}
    if options == "input":
        assert not input_is_there()
    # Drawn without a seed of its own.
    noise = numpy.random.normal(size=(2, 3))
    mean = 0.0 if rows.features is None else rows.features.mean()
    return {"a": model["a"] + noise + mean, "b": model["b"] + step}


def input_is_there():
    try:
        input()
    except EOFError:
        return False
    return True


def predict(model, features, options):
    print("printed by predict")
    return features.sum(axis=1) * model["b"]


def evaluate(model, rows, options):
    return {"sum": model["a"].sum(), "auc": float("nan"), "none": None}
