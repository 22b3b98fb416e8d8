"""Strict stand-ins for AWS: they enforce AWS's rules, not ours, on the very calls that boto3 would send.

A `World` is what exists (objects, tables, queues); an `Aws` is what one caller sees of it, through a hook that
may delay, refuse or kill each call. Parameters are checked against botocore's own service models.
"""
