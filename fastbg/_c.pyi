from typing import Any

import numpy as np

def open_problem(
    data: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    channels: int,
    order: int,
    alpha: float,
    method: str,
) -> Any: ...
def method_name(problem: Any) -> str: ...
def loss_and_gradient(
    problem: Any, parameters: np.ndarray, gradient: np.ndarray, threads: int
) -> float: ...
def evaluate(
    parameters: np.ndarray,
    channels: int,
    order: int,
    y: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
    threads: int,
    method: str,
) -> None: ...
def order_statistics(
    values: np.ndarray, valid: np.ndarray, probabilities: np.ndarray, out: np.ndarray, threads: int
) -> int: ...
def block_medians(
    plane: np.ndarray,
    valid: np.ndarray,
    columns: int,
    side: int,
    low: np.ndarray,
    high: np.ndarray,
    threads: int,
) -> None: ...
def find_valid(plane: np.ndarray, valid: np.ndarray, threads: int) -> None: ...
def unstretch(
    plane: np.ndarray,
    pedestal: float,
    scale: float,
    midtones: float,
    target: float,
    threads: int,
) -> int: ...
def subtract(
    plane: np.ndarray,
    background: np.ndarray,
    valid: np.ndarray,
    level: float,
    out: np.ndarray,
    threads: int,
) -> None: ...
def instruction_set() -> str: ...
def instruction_sets() -> list[str]: ...
