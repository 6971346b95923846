"""The settings of a job: as an object, as text, and by the name of a preset."""
