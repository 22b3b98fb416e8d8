# The Lambda function's image. `make image` builds it; README and docs/deploying.md say more.
#
# Debian's own Python, because its standard library comes with bytecode: a file system that is read-only, as
# Lambda's is, cannot keep what Python compiles, and would pay for it at every cold start.
ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS python
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*

FROM python AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates python3-pip
# build-ca.crt, where there is one, lets pip through a proxy that opens TLS. It stays in this stage.
COPY requirements/image.txt infra/trim_botocore.py build-ca.cr[t] /build/
ENV PYTHONHASHSEED=0
RUN if [ -f /build/build-ca.crt ]; then export PIP_CERT=/build/build-ca.crt; fi \
    && python3 -m pip install --quiet --no-cache-dir --no-compile --only-binary :all: --require-hashes \
        --target /dependencies/var/task -r /build/image.txt
RUN cd /dependencies/var/task \
    && python3 /build/trim_botocore.py . \
    && rm -rf bin \
    && python3 -m compileall -q --invalidation-mode unchecked-hash . \
    && chmod -R a+rX /dependencies \
    && find /dependencies -exec touch --no-dereference --date=@0 {} +
COPY handler /function/var/task/handler
COPY photo_labels/__init__.py /function/var/task/photo_labels/
COPY photo_labels/records /function/var/task/photo_labels/records
RUN cd /function/var/task \
    && python3 -m compileall -q --invalidation-mode unchecked-hash . \
    && chmod -R a+rX /function \
    && find /function -exec touch --no-dereference --date=@0 {} +

FROM python
ENV LANG=C.UTF-8 PYTHONPATH=/var/task PYTHONDONTWRITEBYTECODE=1
# Two layers: what changes seldom, and what changes with every commit.
COPY --from=build /dependencies/ /
COPY --from=build /function/ /
# photo_labels.__version__; a test compares them. Labels make no layer.
LABEL org.opencontainers.image.version="0.2.0"
WORKDIR /var/task
ENTRYPOINT ["/usr/bin/python3", "-m", "awslambdaric"]
CMD ["handler.app.handler"]
