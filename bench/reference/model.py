"""The fit as a Keras model: a polyharmonic spline whose every parameter is trained.

Formulas: `fastbg.spline.spline`, `fastbg.spline.loss` and `fastbg.spline.adam` document them.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow_addons.image.interpolate_spline import _apply_interpolation, _solve_interpolation

REGULARISATION = 0.1
FLOOR = 0.001


class SplineLayer(keras.layers.Layer):
    """Positions, (1, P, 2), to values, (1, P, K)."""

    def __init__(
        self, centres: np.ndarray, weights: np.ndarray, polynomial: np.ndarray, order: int
    ) -> None:
        super().__init__()
        self.order = order
        self.parts = [
            self.add_weight(name, value.shape, initializer=keras.initializers.Constant(value))
            for name, value in (
                ("centres", centres),
                ("weights", weights),
                ("polynomial", polynomial),
            )
        ]

    @classmethod
    def through(cls, points: np.ndarray, values: np.ndarray, order: int) -> SplineLayer:
        """The spline near given values, (N, K), at given points, (N, 2)."""
        system = (tf.constant(array[np.newaxis], tf.float64) for array in (points, values))
        weights, polynomial = _solve_interpolation(*system, order, REGULARISATION)
        return cls(points, weights[0].numpy(), polynomial[0].numpy(), order)

    def call(self, positions: tf.Tensor) -> tf.Tensor:
        centres, weights, polynomial = (part[tf.newaxis] for part in self.parts)
        return _apply_interpolation(positions, centres, weights, polynomial, self.order)


def loss_function(alpha: float) -> keras.losses.Loss:
    """The mean log-loss; its target is data and weight side by side, (1, P, 2 K)."""

    def loss(target: tf.Tensor, model: tf.Tensor) -> tf.Tensor:
        data, weight = tf.split(target, 2, axis=-1)
        kept = tf.cast(tf.reduce_any(weight > 0, axis=-1), model.dtype)
        pixels = tf.reduce_sum(kept)
        residual = weight * (data - model)
        error = tf.reduce_mean(tf.abs(residual), axis=-1)
        color = tf.math.reduce_variance(residual, axis=-1)
        overshoot = tf.reduce_mean(tf.abs(residual) - residual, axis=-1)
        below = kept * tf.reduce_mean(tf.abs(model) - model, axis=-1)
        negative = tf.reduce_sum(below) / pixels
        argument = FLOOR + error + color + alpha * (overshoot + negative)
        return tf.reduce_sum(kept * tf.math.log(argument)) / pixels

    return loss


class BestSeen(keras.callbacks.Callback):
    """Keeps the parameters of which the loss was lowest, and puts them back in the end."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.lowest, self.best = np.inf, self.model.get_weights()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.before = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs["loss"] < self.lowest:
            self.lowest, self.best = logs["loss"], self.before

    def on_train_end(self, logs: dict | None = None) -> None:
        self.model.set_weights(self.best)


def fit(
    layer: SplineLayer,
    positions: np.ndarray,
    target: np.ndarray,
    *,
    alpha: float,
    epochs: int,
    callbacks: list[keras.callbacks.Callback],
) -> list[float]:
    """Descend from the present parameters; returns the loss of each epoch, before its step.

    ``positions``: (P, 2); ``target``: (P, 2 K).
    """
    inputs = keras.Input(batch_shape=(1, *positions.shape))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-7), loss_function(alpha))
    history = model.fit(
        np.float32(positions)[np.newaxis],
        np.float32(target)[np.newaxis],
        batch_size=1,
        epochs=epochs,
        verbose=0,
        callbacks=[
            *callbacks,
            BestSeen(),
            keras.callbacks.ReduceLROnPlateau(
                "loss", factor=0.5, patience=50, min_delta=1e-4, min_lr=1e-4
            ),
            keras.callbacks.EarlyStopping("loss", patience=100, min_delta=5e-5),
        ],
    )
    return history.history["loss"]


def evaluate(layer: SplineLayer, y: np.ndarray, x: np.ndarray, chunk: int) -> np.ndarray:
    """The spline on a grid, (rows, columns, K) float32, computed in parts."""
    step = max(1, chunk // x.size)
    apply = tf.function(layer.call, reduce_retracing=True)
    bands = []
    for top in range(0, y.size, step):
        grid = np.stack(np.meshgrid(y[top : top + step], x, indexing="ij"), axis=-1)
        values = apply(tf.constant(grid.reshape(1, -1, 2), tf.float32))
        bands.append(values.numpy().reshape(*grid.shape[:2], -1))
    return np.concatenate(bands)
