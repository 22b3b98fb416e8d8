# What `make bench-image` compares ours with: the same Python and dependencies, all of botocore, no bytecode.
ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE} AS python
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*

FROM python AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates python3-pip
COPY requirements/image.txt build-ca.cr[t] /build/
RUN if [ -f /build/build-ca.crt ]; then export PIP_CERT=/build/build-ca.crt; fi \
    && python3 -m pip install --quiet --no-cache-dir --no-compile --only-binary :all: --require-hashes \
        --target /var/task -r /build/image.txt
COPY handler /var/task/handler
COPY photo_labels/__init__.py /var/task/photo_labels/
COPY photo_labels/records /var/task/photo_labels/records

FROM python
ENV LANG=C.UTF-8 PYTHONPATH=/var/task
WORKDIR /var/task
COPY --from=build /var/task /var/task
ENTRYPOINT ["/usr/bin/python3", "-m", "awslambdaric"]
CMD ["handler.app.handler"]
