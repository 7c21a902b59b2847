# The image of rayeval: for Ray nodes (`rayeval run` with --ship installed) and for the demo service
# (`rayeval mock`). Build it at the root of the repository: docker build -t rayeval:latest .
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /src
RUN python -m venv /opt/rayeval/venv
ENV PATH=/opt/rayeval/venv/bin:$PATH
# Dependencies first: they change seldom, and this layer is then reused.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml','rb'))['project']['dependencies'], sep='\n')" > wanted.txt \
    && pip install --no-cache-dir -r wanted.txt -c constraints.txt
COPY rayeval ./rayeval
COPY actors ./actors
RUN pip install --no-cache-dir --no-deps .

FROM python:${PYTHON}-slim
# tini reaps what Ray and the services leave behind; git is not needed at run time.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 rayeval
COPY --from=build /opt/rayeval/venv /opt/rayeval/venv
COPY configs /opt/rayeval/configs
ENV PATH=/opt/rayeval/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /home/rayeval
EXPOSE 8000
# For the demo service; in a Kubernetes cluster its readinessProbe is asked instead.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["tini", "--", "rayeval"]
CMD ["mock", "--host", "0.0.0.0", "--port", "8000", "--model", "demo", "--reasoning"]
