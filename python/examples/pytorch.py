"""A small network in PyTorch, with dropout and AdamW.

Options, as JSON: {"inputs": 8, "hidden": 16, "epochs": 2, "rate": 0.003}.
"""

import json

import torch
from torch import nn

import consilium_trainer

# Sums of floats depend on how many threads share them.
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def network(options):
    chosen = json.loads(options)
    hidden = chosen.get("hidden", 16)
    return nn.Sequential(nn.Linear(chosen["inputs"], hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 1))


def with_weights(model, options):
    found = network(options)
    found.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in model.items()})
    return found


def weights(found):
    return {name: tensor.detach().numpy() for name, tensor in found.state_dict().items()}


def describe(options):
    torch.manual_seed(1)
    return weights(network(options))


def train(model, rows, options, step, seed):
    chosen = json.loads(options)
    found = with_weights(model, options)
    optimiser = torch.optim.AdamW(found.parameters(), lr=chosen.get("rate", 0.003))
    loss = nn.BCEWithLogitsLoss()
    features = torch.from_numpy(rows.features)
    labels = torch.from_numpy(rows.labels).unsqueeze(1)
    found.train()
    # The package has seeded PyTorch: the order of rows and the dropout of a step repeat.
    for _ in range(chosen.get("epochs", 2)):
        for batch in torch.randperm(len(labels)).split(16):
            optimiser.zero_grad()
            loss(found(features[batch]), labels[batch]).backward()
            optimiser.step()
    return weights(found)


def evaluate(model, rows, options):
    found = with_weights(model, options)
    found.eval()
    labels = torch.from_numpy(rows.labels).unsqueeze(1)
    with torch.no_grad():
        logits = found(torch.from_numpy(rows.features))
    correct = (logits > 0) == (labels > 0.5)
    return {"accuracy": correct.float().mean().item(), "loss": nn.BCEWithLogitsLoss()(logits, labels).item()}


def predict(model, features, options):
    found = with_weights(model, options)
    found.eval()
    with torch.no_grad():
        return found(torch.from_numpy(features)).numpy()


if __name__ == "__main__":
    consilium_trainer.run(describe, train, evaluate, predict)
