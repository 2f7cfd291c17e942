"""``python -m consilium_trainer FILE`` serves a client; ``… init FILE`` makes what the authority founds a run with."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys

from .model import checked, listed, save, shapes_of
from .session import Session, private_pipes


def load(path: str):
    """The module in a file, which can import its neighbours."""
    path = os.path.abspath(path)
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location("consilium_trainer_user_code", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def serve(path: str) -> None:
    # Before the file is run: what it or its imports print is no reply.
    requests, replies = private_pipes()
    module = load(path)
    optional = [getattr(module, name, None) for name in ("evaluate", "predict")]
    Session(module.describe, module.train, *optional).serve(requests, replies)


def init(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m consilium_trainer init",
        description="Writes tensors.json and initial.safetensors: what the authority gives to "
        "`consilium-authority init --tensors … --initial-model …`.",
    )
    parser.add_argument("file", help="the file with describe, train and evaluate")
    parser.add_argument("--options", default="", help="a text for these functions, as the genesis will have it")
    parser.add_argument("--out", required=True, help="the folder to create")
    chosen = parser.parse_args(arguments)
    model = checked(load(chosen.file).describe(chosen.options))
    os.makedirs(chosen.out)
    with open(os.path.join(chosen.out, "tensors.json"), "w", encoding="utf-8") as file:
        json.dump({"options": chosen.options, "tensors": listed(shapes_of(model))}, file, indent=1)
        file.write("\n")
    save(model, os.path.join(chosen.out, "initial.safetensors"))
    parameters = sum(array.size for array in model.values())
    print(f"{len(model)} tensors, {parameters} parameters: {chosen.out}/tensors.json, {chosen.out}/initial.safetensors")


def main() -> None:
    match sys.argv[1:]:
        case ["init", *arguments]:
            init(arguments)
        case [path] if not path.startswith("-"):
            serve(path)
        case _:
            print("usage: python -m consilium_trainer FILE\n       python -m consilium_trainer init --help", file=sys.stderr)
            raise SystemExit(2)


main()
