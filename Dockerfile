# One image for every service, the auditor and the migrations; the command says which.
# Pin the base by digest where you build: --build-arg BASE=python:3.11-slim-bookworm@sha256:…
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN python -m venv /opt/jamaa
# Every wheel by its hash, nothing resolved at build time: this file is `make lock`'s.
COPY deploy/requirements.lock /tmp/requirements.lock
RUN /opt/jamaa/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes -r /tmp/requirements.lock

FROM ${BASE}
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin jamaa \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/jamaa
COPY --from=build /opt/jamaa /opt/jamaa
COPY . /opt/jamaa/source
ENV PATH=/opt/jamaa/bin:$PATH PYTHONPATH=/opt/jamaa/source PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    JAMAA_HOME=/var/lib/jamaa
WORKDIR /var/lib/jamaa
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["python", "-m", "deploy"]
