"""The package as a client meets it: a process with three pipes."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy
from safetensors.numpy import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
LOUD = os.path.join(HERE, "loud.py")


class Client:
    """Starts a trainer and asks it."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "consilium_trainer", *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.folder = tempfile.TemporaryDirectory()
        self.last = 0
        self.ended = False

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def ask(self, request, **fields):
        self.last += 1
        line = {"id": self.last, "request": request, "options": "", **fields}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        assert reply["id"] == self.last, reply
        return reply

    def describe(self):
        features = numpy.array([[1, 2], [3, 6]], dtype=numpy.float32)
        save_file({"features": features, "labels": numpy.ones(2, dtype=numpy.float32)}, self.path("rows"))
        return self.ask("describe", protocol=1, table=self.path("rows"), data=None)

    def train(self, step=1, seed=7, options=""):
        model = {"a": numpy.zeros((2, 3), dtype=numpy.float32), "b": numpy.array(0.5, dtype=numpy.float32)}
        save_file(model, self.path("global"))
        out = self.path("local")
        if os.path.exists(out):
            os.remove(out)
        reply = self.ask("train", step=step, model=self.path("global"), out=out, seed=seed, options=options)
        return reply, load_file(out) if os.path.exists(out) else None

    def end(self):
        """What is left on both outputs once the input is closed, and the exit code."""
        if self.ended:
            return None
        self.ended = True
        out, log = self.process.communicate(timeout=60)
        self.folder.cleanup()
        return out, log, self.process.returncode


class SessionTest(unittest.TestCase):
    def client(self, *arguments):
        client = Client(*(arguments or (LOUD,)))
        self.addCleanup(client.end)
        return client

    def test_what_user_code_prints_goes_to_the_log_and_never_between_replies(self):
        client = self.client()
        described = client.describe()
        self.assertEqual(
            described,
            {
                "id": 1,
                "protocol": 1,
                "tensors": [{"name": "a", "shape": [2, 3]}, {"name": "b", "shape": []}],
                "evaluates": True,
                "predicts": True,
            },
        )
        reply, model = client.train(step=3)
        self.assertEqual(reply, {"id": 2})
        self.assertEqual(model["b"], 3.5)
        self.assertEqual(model["a"].dtype, numpy.float32)
        out, log, code = client.end()
        self.assertEqual((out, code), ("", 0))
        for text in ["by the file itself", "by describe", "by train", "to the descriptor", "echoed by a child"]:
            self.assertIn(text, log)

    def test_the_same_step_and_seed_give_the_same_model_whatever_was_trained_before(self):
        client = self.client()
        client.describe()
        first = client.train(step=2, seed=5)[1]
        other = client.train(step=2, seed=6)[1]
        again = client.train(step=2, seed=5)[1]
        numpy.testing.assert_array_equal(first["a"], again["a"])
        self.assertTrue((first["a"] != other["a"]).any())

    def test_a_model_that_is_not_the_one_described_is_an_error_and_no_file(self):
        client = self.client()
        client.describe()
        for options, says in [("raise", "RuntimeError"), ("nan", "not finite"), ("shape", "(3, 2)"), ("name", "'c'")]:
            reply, model = client.train(options=options)
            self.assertIn(says, reply["error"])
            self.assertIsNone(model)
        # The session has outlived them.
        self.assertEqual(client.train()[0], {"id": client.last})
        log = client.end()[1]
        self.assertIn("Traceback", log)

    def test_user_code_that_reads_standard_input_takes_no_request(self):
        client = self.client()
        client.describe()
        self.assertNotIn("error", client.train(options="input")[0])

    def test_metrics_are_finite_numbers_or_null(self):
        client = self.client()
        client.describe()
        save_file({"a": numpy.ones((2, 3), dtype=numpy.float32)}, client.path("model"))
        reply = client.ask("evaluate", model=client.path("model"))
        self.assertEqual(reply["metrics"], {"sum": 6.0, "auc": None, "none": None})

    def test_predictions_are_a_row_of_outputs_for_each_row(self):
        client = self.client()
        client.describe()
        save_file({"a": numpy.ones((2, 3), dtype=numpy.float32), "b": numpy.float32([2])}, client.path("model"))
        save_file({"features": numpy.float32([[1, 2], [3, 4], [5, 6]])}, client.path("held-out"))
        out = client.path("predictions")
        reply = client.ask("predict", model=client.path("model"), rows=client.path("held-out"), out=out)
        self.assertEqual(reply, {"id": 2})
        found = load_file(out)["outputs"]
        numpy.testing.assert_array_equal(found, numpy.float32([[6], [14], [22]]))
        self.assertEqual(found.dtype, numpy.float32)

    def test_rows_of_ones_own_are_named_and_not_read(self):
        client = self.client()
        reply = client.ask("describe", protocol=1, table=None, data="/site/rows.toml")
        self.assertNotIn("error", reply)
        self.assertNotIn("error", client.train()[0])

    def test_another_protocol_is_refused(self):
        client = self.client()
        reply = client.ask("describe", protocol=2, table=None, data=None)
        self.assertIn("speaks version 1", reply["error"])

    def test_stop_is_answered_and_ends_the_process(self):
        client = self.client()
        client.describe()
        self.assertEqual(client.ask("stop"), {"id": 2})
        self.assertEqual(client.process.wait(timeout=60), 0)

    def test_a_file_that_fails_ends_the_process_with_its_traceback(self):
        client = self.client(os.path.join(HERE, "absent.py"))
        out, log, code = client.end()
        self.assertEqual(out, "")
        self.assertNotEqual(code, 0)
        self.assertIn("absent.py", log)


class InitTest(unittest.TestCase):
    def test_what_the_authority_needs_is_written_from_describe(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "model")
            command = [sys.executable, "-m", "consilium_trainer", "init", LOUD, "--options", "x", "--out", out]
            subprocess.run(command, check=True, capture_output=True)
            with open(os.path.join(out, "tensors.json"), encoding="utf-8") as file:
                written = json.load(file)
            tensors = [{"name": "a", "shape": [2, 3]}, {"name": "b", "shape": []}]
            self.assertEqual(written, {"options": "x", "tensors": tensors})
            model = load_file(os.path.join(out, "initial.safetensors"))
            self.assertEqual({name: array.shape for name, array in model.items()}, {"a": (2, 3), "b": ()})
            self.assertEqual(model["b"], 1.0)


if __name__ == "__main__":
    unittest.main()
