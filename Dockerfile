# The connector as a container: not root, nothing writable but the volume and /tmp, no build tools inside.
#   docker build -t commerce-case-connector .
# compose.example.yaml shows how it is run. Update the base by digest in your own registry.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/connector
ENV PATH=/opt/connector/bin:$PATH
WORKDIR /src
COPY requirements-runtime.lock ./
RUN pip install --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY connector ./connector
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes setuptools pip

FROM python:3.12-slim
LABEL org.opencontainers.image.title="commerce-case-connector" \
      org.opencontainers.image.description="Turns commerce records that need a person into cases, and carries the decisions back" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/connector/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CONNECTOR_CONFIG=/etc/connector/config.yaml
RUN groupadd --gid 10001 connector \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/connector --shell /usr/sbin/nologin connector \
 && install --directory --owner 10001 --group 10001 --mode 0750 /var/lib/connector
COPY --from=build /opt/connector /opt/connector
# Mappings are named relative to config.yaml: the shipped ones stand beside the place where yours is mounted.
COPY mappings /etc/connector/mappings
USER 10001:10001
WORKDIR /var/lib/connector
VOLUME /var/lib/connector
EXPOSE 8080
# The daemon turns SIGTERM into "finish what is in flight"; give it longer than `daemon.stop_grace` (25 s by default).
STOPSIGNAL SIGTERM
# No curl in a slim image, and no proxy in between: 0 only when /healthz answers 200. `web.listen` must keep port 8080.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["connector"]
CMD ["run", "--config", "/etc/connector/config.yaml"]
