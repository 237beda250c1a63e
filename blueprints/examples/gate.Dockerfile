# Image of the gates that keep allow lists: `docker build -t berth-gate - < gate.Dockerfile` on the engine, then the id
# that `docker image inspect -f '{{.Id}}' berth-gate` prints is the `gate` of a blueprint's network.
FROM debian:12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends iptables && rm -rf /var/lib/apt/lists/*
