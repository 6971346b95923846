"""Jobs on files: what they read and write, the memory that they need, and many files at once."""
