"""Train with your own code in a Consilium run.

Write functions, ``describe``, ``train`` and, if you like, ``evaluate`` and ``predict``, in a file, and have the client start
``python -m consilium_trainer FILE``; or end the file with ``consilium_trainer.run(describe, train, evaluate, predict)`` and
have it start ``python FILE``. See README.md.
"""

from .rows import Rows
from .session import PROTOCOL, run

__all__ = ["PROTOCOL", "Rows", "run"]
