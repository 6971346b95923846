"""The loss at given parameters: ``python losses.py CASES.npz`` prints a JSON object.

An array of a case is named NUMBER/NAME: y (h,), x (w,), data and weight (h, w, K), centres
(N, 2), weights (N, K), polynomial (3, K), order and alpha.
"""

from __future__ import annotations

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from model import SplineLayer, loss_function


def loss(case: dict[str, np.ndarray]) -> float:
    parameters = (case[name] for name in ("centres", "weights", "polynomial"))
    layer = SplineLayer(*parameters, int(case["order"]))
    positions = np.stack(np.meshgrid(case["y"], case["x"], indexing="ij"), axis=-1)
    target = np.concatenate([np.nan_to_num(case["data"]), case["weight"]], axis=2)
    model = layer(tf.constant(positions.reshape(1, -1, 2), tf.float32))
    target = tf.constant(target.reshape(1, -1, target.shape[2]), tf.float32)
    return float(loss_function(float(case["alpha"]))(target, model))


if __name__ == "__main__":
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(sys.argv[1]) as arrays:
        for key, array in arrays.items():
            number, _, name = key.partition("/")
            cases.setdefault(number, {})[name] = array
    print(json.dumps({number: loss(case) for number, case in cases.items()}))
