"""The evaluators: ``numpy`` is the golden reference, the others are judged by it."""
