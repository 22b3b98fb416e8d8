"""Photos uploaded to S3 become searchable labels in DynamoDB."""
