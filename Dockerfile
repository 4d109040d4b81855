# One image for every role: `docker run regulars`, or `regulars bot`, `scheduler`, `admin`.
# The base image is the only thing fetched by name; every package is checked against its hash.

FROM python:3.12-slim AS build
WORKDIR /app
# The packages first: this layer is made again only when the lock changes.
COPY requirements.txt ./
COPY scripts/setup.py scripts/
RUN python scripts/setup.py runtime --venv /opt/venv
COPY . .
# Links the project and compiles the message catalogues.
RUN python scripts/setup.py runtime --venv /opt/venv

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin regulars \
    && install --directory --owner=regulars --group=regulars /app/data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8080
WORKDIR /app
USER regulars
# SQLite's file and the generated secret key of `run`; with PostgreSQL nothing is kept here.
VOLUME /app/data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["regulars"]
CMD ["run"]
