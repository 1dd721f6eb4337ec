FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY origin ./origin
RUN python -m venv /opt/origin && /opt/origin/bin/pip install --no-cache-dir '.[server]'

FROM python:3.12-slim-bookworm
# glibc's many arenas are where memory that seems to leak from libvips stays.
ENV PATH="/opt/origin/bin:$PATH" PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2
RUN groupadd --gid 10001 origin \
    && useradd --uid 10001 --gid 10001 --no-create-home origin \
    && install -d -o origin -g origin /etc/origin /var/cache/origin
COPY --from=build /opt/origin /opt/origin
USER 10001:10001
WORKDIR /etc/origin
VOLUME /var/cache/origin
# The http_port of the configuration; below 1024 not every container runtime lets a plain user listen.
EXPOSE 8080
# --start-period: the renderers warm up first. Ready is 503 while the origin drains.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/-/ready', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["origin"]
CMD ["serve", "-c", "/etc/origin/config.json"]
