"""What programs do with a pipeline: find it, read its tables, fill its queues. Nothing here prints."""
