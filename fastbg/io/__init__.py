"""Files in and out, one format per module; :mod:`.atomic` puts the finished ones in place."""
