"""The mathematics: the polyharmonic spline, its loss and its descent. Imports nothing of fastbg."""
