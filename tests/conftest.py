"""For all tests: whatever the caller's environment says of AWS and proxies, no test notices."""

from __future__ import annotations

import os

from photos.target import scrub_environment

scrub_environment(os.environ)
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
