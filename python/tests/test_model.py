"""A model's file, read by nothing of the project's, predicts what `consilium-client predict` does (docs/model.md).

CONSILIUM_MODEL names the file, of a replay of the bundled data `pima`, and CONSILIUM_CLIENT the program. In PyTorch where there is
one, else in NumPy.
"""

import csv
import os
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import numpy
from safetensors import safe_open
from safetensors.numpy import load_file

MODEL = os.environ.get("CONSILIUM_MODEL")
CLIENT = os.environ.get("CONSILIUM_CLIENT")

HEADER = (
    "Glucose,Pregnancies,BloodPressure,SkinThickness,Insulin,BMI,DiabetesPedigreeFunction,Age"
)
# Another order of columns than the model's; zeros that mean missing, and one field that is empty.
ROWS = ["148,6,72,35,0,33.6,0.627,50", "85,1,66,29,94,26.6,0.351,31", "0,0,,0,0,0,2.1,22"]
ZERO_IS_MISSING = {"Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI"}


def inputs(path, rows):
    """What a number becomes: (x - mean) / standard deviation, the median where it is missing."""
    with safe_open(path, "np") as file:
        columns = tomllib.loads(file.metadata()["preprocessor"])["columns"]
    made = []
    for row in rows:
        values = []
        for column in columns:
            text = row[column["name"]]
            missing = text == "" or (column["name"] in ZERO_IS_MISSING and float(text) == 0)
            value = column["median"] if missing else float(text)
            values.append((value - column["mean"]) / column["standard_deviation"])
        made.append(values)
    return numpy.array(made, dtype=numpy.float32)


def logits_in_numpy(path, rows):
    tensors = load_file(path)
    i = 0
    while f"layers.{i}.weight" in tensors:
        rows = rows @ tensors[f"layers.{i}.weight"] + tensors[f"layers.{i}.bias"]
        i += 1
        if f"layers.{i}.weight" in tensors:
            rows = numpy.maximum(rows, 0)
    return rows[:, 0]


def logits_in_pytorch(path, rows):
    import safetensors.torch
    import torch

    tensors = safetensors.torch.load_file(path)
    layers, i = [], 0
    while f"layers.{i}.weight" in tensors:
        weight = tensors[f"layers.{i}.weight"]
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data = weight.T.contiguous()
        layer.bias.data = tensors[f"layers.{i}.bias"]
        layers += [layer, torch.nn.ReLU()]
        i += 1
    model = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        return model(torch.from_numpy(rows)).numpy()[:, 0]


@unittest.skipUnless(MODEL and CLIENT, "no CONSILIUM_MODEL and CONSILIUM_CLIENT")
class ModelFile(unittest.TestCase):
    def predicted(self, folder):
        data = Path(folder) / "new.csv"
        data.write_text("\n".join([HEADER, *ROWS]) + "\n")
        command = [CLIENT, "predict", "--model", MODEL, "--data", str(data)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows = list(csv.DictReader([HEADER, *ROWS]))
        return rows, [float(row["probability"]) for row in csv.DictReader(printed.splitlines())]

    def agrees(self, logits):
        with tempfile.TemporaryDirectory() as folder:
            rows, expected = self.predicted(folder)
        self.assertEqual(len(expected), len(ROWS))
        found = 1 / (1 + numpy.exp(-logits(MODEL, inputs(MODEL, rows)).astype(numpy.float64)))
        numpy.testing.assert_allclose(found, expected, atol=1e-6)

    def test_numpy_predicts_what_the_program_does(self):
        self.agrees(logits_in_numpy)

    def test_pytorch_predicts_what_the_program_does(self):
        try:
            import torch  # noqa: F401
        except ImportError:
            self.skipTest("PyTorch is not installed")
        self.agrees(logits_in_pytorch)


if __name__ == "__main__":
    unittest.main()
