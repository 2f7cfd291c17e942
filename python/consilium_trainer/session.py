"""The conversation with the client: one line of JSON a request, one a reply."""

from __future__ import annotations

import json
import math
import os
import random
import sys
import traceback
from typing import Callable, Dict, Mapping, Optional, TextIO

import numpy
from safetensors.numpy import load_file, save_file

from .model import checked, listed, save, shapes_of
from .rows import Rows, load_rows

PROTOCOL = 1
"""Version of the protocol."""

Model = Dict[str, numpy.ndarray]


class Session:
    """Answers the requests of one client."""

    def __init__(
        self,
        describe: Callable[[str], Mapping[str, object]],
        train: Callable[[Model, Rows, str, int, int], Mapping[str, object]],
        evaluate: Optional[Callable[[Model, Rows, str], Mapping[str, Optional[float]]]] = None,
        predict: Optional[Callable[[Model, numpy.ndarray, str], object]] = None,
    ) -> None:
        self._describe = describe
        self._train = train
        self._evaluate = evaluate
        self._predict = predict
        self._rows: Optional[Rows] = None
        self._shapes: Optional[dict] = None

    def serve(self, requests: TextIO, replies: TextIO) -> None:
        """Answers until the client says stop, or is gone."""
        for line in requests:
            request = json.loads(line)
            reply = {"id": request["id"]}
            try:
                reply.update(self.answer(request))
            except Exception as error:  # whatever the functions raise: the client is told, and its log has the rest
                traceback.print_exc()
                reply["error"] = f"{type(error).__name__}: {error}"
            # What was printed stands in the log before what came of it.
            sys.stdout.flush()
            sys.stderr.flush()
            replies.write(json.dumps(reply, allow_nan=False) + "\n")
            replies.flush()
            if request["request"] == "stop":
                return

    def answer(self, request: dict) -> dict:
        """The fields of one reply."""
        kind = request["request"]
        if kind == "stop":
            return {}
        options = request["options"]
        if kind == "describe":
            if request["protocol"] != PROTOCOL:
                raise ValueError(f"this package speaks version {PROTOCOL}, the client {request['protocol']}")
            self._rows = load_rows(request["table"], request["data"])
            self._shapes = shapes_of(checked(self._describe(options)))
            return {
                "protocol": PROTOCOL,
                "tensors": listed(self._shapes),
                "evaluates": self._evaluate is not None,
                "predicts": self._predict is not None,
            }
        model = load_file(request["model"])
        if kind == "train":
            step = request["step"]
            seed = request["seed"]
            seed_everything(seed)
            local = self._train(model, self._rows, options, step, seed)
            save(checked(local, self._shapes), request["out"])
            return {}
        if kind == "evaluate" and self._evaluate is not None:
            metrics = self._evaluate(model, self._rows, options)
            return {"metrics": {str(name): number(value) for name, value in metrics.items()}}
        if kind == "predict" and self._predict is not None:
            features = load_file(request["rows"])["features"]
            outputs = numpy.array(self._predict(model, features, options), dtype=numpy.float32, order="C")
            # One output a row may come as a list of numbers; what has another length is refused by the client.
            save_file({"outputs": outputs.reshape(len(outputs), -1)}, request["out"])
            return {}
        raise ValueError(f"unknown request {kind!r}")


def number(value: Optional[float]) -> Optional[float]:
    """JSON has no numbers but finite ones."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)


def seed_everything(seed: int) -> None:
    """Seeds the generators that code uses without saying so: a step that is trained again has to give the same model."""
    random.seed(seed)
    numpy.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def private_pipes() -> tuple[TextIO, TextIO]:
    """Takes standard input and output away from everyone else in this process.

    What is printed from now on, by Python or by a library written in C, goes to standard error; who reads standard
    input finds nothing.
    """
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def run(describe, train, evaluate=None, predict=None) -> None:
    """Serves the client that has started this program. See the package's README for the functions."""
    requests, replies = private_pipes()
    Session(describe, train, evaluate, predict).serve(requests, replies)
