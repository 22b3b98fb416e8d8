"""Histories: S3, SQS and DynamoDB as they may behave, and the real function and tools in the midst of it.

    python -m tests.histories N [SEED]      N histories, each made of one number: those after SEED
    python -m tests.histories.sabotage      mutations of the function, and after how many histories each is noticed

A history is what happens to a bucket: uploads, removals and all that S3 knows of versions; events that come twice,
late, out of order, or not at all; environments that die between any two calls, whose clocks differ, and whose calls
fail or succeed without an answer; and people who purge, audit, repair and redrive meanwhile. Time is virtual, and
everything in it follows from the history's number, so that a failure is seen again with the same number.
"""
