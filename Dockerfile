# The demo, offline: drawn people, a real generator trained on them, an audit, and the truth.
#
#   docker build -t probablyexists .
#   docker run --rm --network none probablyexists
#   docker run --rm --network none -v "$PWD/out:/work" --user "$(id -u):$(id -g)" probablyexists demo --out /work/demo
#
# The network is needed to build it and never to run it. Your own audit: mount the photos read-only and give the command,
#   docker run --rm --network none -v "$PWD/photos:/photos:ro" -v "$PWD/out:/work" --user "$(id -u):$(id -g)" \
#     probablyexists audit --training /photos/T --heldout /photos/H --generated /photos/G --out /work/audit

FROM python:3.11-slim-bookworm AS base

FROM base AS build
# A compiler of the image's distribution, which ends with this stage: whichever version it has will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/probablyexists \
    && /opt/probablyexists/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .

FROM base
COPY --from=build /opt/probablyexists /opt/probablyexists
RUN useradd --create-home --uid 1000 --shell /usr/sbin/nologin auditor \
    && install --directory --owner auditor --group auditor --mode 0700 /work
ENV PATH=/opt/probablyexists/bin:$PATH \
    PROBABLYEXISTS_CACHE=/work/.cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["probablyexists"]
CMD ["demo", "--out", "/work/demo", "--overwrite"]
