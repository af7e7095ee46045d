# syntax=docker/dockerfile:1
# Targets: `cpu` (default) and `cuda`. Build from the repository root: docker build -t vel .
# The image holds code, the starter index and the embedded pack; other packs are mounted at /models.

FROM node:22-bookworm-slim AS build
# hnswlib-node is compiled by node-gyp.
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV ONNXRUNTIME_NODE_INSTALL=skip ORT_DISABLE_TELEMETRY=1
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY models ./models
RUN npm run build && node dist/cli/vel.js models fetch embedded
RUN npm prune --omit=dev

FROM node:22-bookworm-slim AS cpu
ENV NODE_ENV=production ORT_DISABLE_TELEMETRY=1 PORT=8080
WORKDIR /app
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/dist ./dist
COPY --from=build --chown=node:node /app/models ./models
COPY --chown=node:node package.json openapi.yaml LICENSE ./
COPY --chown=node:node index ./index
USER node
EXPOSE 8080
# Readiness: models, index and cache, not only that the process is there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://localhost:${process.env.PORT}/health/ready`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node itself, not npm: npm does not pass SIGTERM on.
CMD ["node", "dist/cli/vel.js", "serve"]

# CUDA: the same application on NVIDIA's base image with the CUDA libraries that onnxruntime-node downloads.
FROM build AS build-cuda
RUN ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js

FROM nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04 AS cuda
ENV NODE_ENV=production ORT_DISABLE_TELEMETRY=1 PORT=8080 EXECUTION_PROVIDERS=cuda,cpu
WORKDIR /app
COPY --from=node:22-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=build-cuda /app/node_modules ./node_modules
COPY --from=build-cuda /app/dist ./dist
COPY --from=build-cuda /app/models ./models
COPY package.json openapi.yaml LICENSE ./
COPY --chown=1000 index ./index
USER 1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://localhost:${process.env.PORT}/health/ready`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/cli/vel.js", "serve"]

# The default target is the last one.
FROM cpu
