# The plain image on a Python whose standard library has no bytecode either, as Docker Hub's python:*-slim comes.
FROM photo-labels:plain-for-bench
RUN find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +
