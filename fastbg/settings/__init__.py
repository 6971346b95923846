"""What a job can be told: settings as objects, as text, and by name."""
