"""The description of a job: a report, a preview, a page for a browser."""
