"""What a job tells about itself: a report, a preview, a page for a browser."""
