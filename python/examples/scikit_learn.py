"""Logistic regression with scikit-learn: a few passes of stochastic gradient descent, from the global model on.

Options, as JSON: {"inputs": 8, "epochs": 2, "rate": 0.01, "alpha": 0.001}.
"""

import json

import numpy
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

import consilium_trainer

CLASSES = numpy.array([0, 1])


def describe(options):
    inputs = json.loads(options)["inputs"]
    return {"coef": numpy.zeros((1, inputs)), "intercept": numpy.zeros(1)}


def classifier(model, options, seed=0):
    """A classifier that has learned what is in the model."""
    chosen = json.loads(options)
    found = SGDClassifier(
        loss="log_loss",
        alpha=chosen.get("alpha", 1e-3),
        learning_rate="constant",
        eta0=chosen.get("rate", 0.01),
        random_state=seed,
    )
    # scikit-learn makes the attributes of a classifier in its first step; what it has learned there is replaced.
    found.partial_fit(numpy.zeros(model["coef"].shape), CLASSES[:1], classes=CLASSES)
    found.coef_ = model["coef"].astype(numpy.float64)
    found.intercept_ = model["intercept"].astype(numpy.float64)
    return found


def train(model, rows, options, step, seed):
    found = classifier(model, options, seed)
    # In float64 throughout: scikit-learn does not mix them.
    features = rows.features.astype(numpy.float64)
    labels = rows.labels.astype(int)
    order = numpy.random.default_rng(seed)
    for _ in range(json.loads(options).get("epochs", 2)):
        chosen = order.permutation(len(labels))
        found.partial_fit(features[chosen], labels[chosen])
    return {"coef": found.coef_, "intercept": found.intercept_}


def evaluate(model, rows, options):
    labels = rows.labels.astype(int)
    positive = classifier(model, options).predict_proba(rows.features)[:, 1]
    both = len(numpy.unique(labels)) == 2
    return {
        "accuracy": accuracy_score(labels, positive > 0.5),
        "auc": roc_auc_score(labels, positive) if both else None,
        "loss": log_loss(labels, positive, labels=CLASSES),
    }


def predict(model, features, options):
    # Log odds, which are the logits that are asked for.
    return classifier(model, options).decision_function(features)


if __name__ == "__main__":
    consilium_trainer.run(describe, train, evaluate, predict)
