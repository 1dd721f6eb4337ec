# docker build --build-arg VERSION=1.2.3 --build-arg "REVISION=$(git rev-parse HEAD)" \
#     --build-arg PYTHON=python:3.12-slim-bookworm@sha256:... .
# A digest makes the same base each time; `docker buildx imagetools inspect python:3.12-slim-bookworm` tells it.
ARG PYTHON=python:3.12-slim-bookworm

# The root file system may be read-only: docker run --read-only --tmpfs /tmp. What has to last is written below
# /var/cache/origin alone; without a volume there, the cache goes with the container.
FROM ${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY origin ./origin
# The same commit gives the same packages; .ci/lock renews them.
RUN python -m venv /opt/origin && /opt/origin/bin/pip install --no-cache-dir -c constraints.txt '.[server,fleet,telemetry,sentry]'

FROM ${PYTHON}
# glibc's many arenas are where memory that seems to leak from libvips stays.
ENV PATH="/opt/origin/bin:$PATH" PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2
# What the health check asks. Set it anew where http_port is not 8080.
ENV ORIGIN_READY_URL=http://127.0.0.1:8080/-/ready
RUN groupadd --gid 10001 origin \
    && useradd --uid 10001 --gid 10001 --no-create-home origin \
    && install -d -o origin -g origin /etc/origin /var/cache/origin
COPY --from=build /opt/origin /opt/origin
USER 10001:10001
WORKDIR /etc/origin
# The http_port of the configuration; below 1024 not every container runtime lets a plain user listen.
EXPOSE 8080
# --start-period: the renderers warm up first. Ready is 503 while the origin drains.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ['ORIGIN_READY_URL'], timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["origin"]
CMD ["serve", "-c", "/etc/origin/config.json"]
ARG PYTHON
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="image-origin" \
    org.opencontainers.image.description="An image origin for CDNs: originals from S3, rendered with libvips, cached on disk" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.base.name="$PYTHON" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
