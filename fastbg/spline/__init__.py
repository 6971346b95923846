"""The mathematics: the polyharmonic spline, its loss and its descent. It imports only `words`."""
