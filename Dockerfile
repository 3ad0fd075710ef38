# The worker and the sandbox in one image. Build: docker build -t top-tweets .
# Runs as a numeric user without rights, with a read-only root: docs/deploy.md.

FROM python:3.13-slim-trixie AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/top-tweets

# The dependencies first: this layer changes only when a pin does.
COPY requirements/runtime.txt deploy/build-requirements.txt ./
RUN pip --python /opt/top-tweets/bin/python install --require-hashes --only-binary :all: -r runtime.txt \
 && pip install --require-hashes --only-binary :all: -r build-requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY worker worker
COPY sandbox sandbox
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/top-tweets/bin/python install --no-deps --no-index dist/*.whl \
 && /opt/top-tweets/bin/python -m compileall -q /opt/top-tweets/lib \
 && /opt/top-tweets/bin/top-tweets --version

FROM python:3.13-slim-trixie
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Top Tweets" \
      org.opencontainers.image.description="Keeps the leaderboards of social campaigns right: Post IDs from Kafka, counts from the Engagement API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
ENV PATH=/opt/top-tweets/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TOPTWEETS_PUBLISH__HTTP__HOST=0.0.0.0
COPY --from=builder /opt/top-tweets /opt/top-tweets
COPY config/worker.toml /etc/top-tweets/worker.toml
USER 10001:10001
WORKDIR /
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-I", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('TOPTWEETS_PUBLISH__HTTP__PORT', '8080') + '/healthz', timeout=4)"]
ENTRYPOINT ["top-tweets"]
CMD ["run", "--config", "/etc/top-tweets/worker.toml"]
