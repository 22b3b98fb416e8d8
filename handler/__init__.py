"""The Lambda function: photos in S3 to labels in DynamoDB. Start reading at `app.py`."""
