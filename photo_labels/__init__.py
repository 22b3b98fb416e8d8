"""Photos uploaded to S3 become searchable labels in DynamoDB."""

# The only place of the version. This module is in the function's image and imports nothing.
__version__ = "0.2.0"
