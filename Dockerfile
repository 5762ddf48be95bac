# One image per binary of the workspace: docker build --build-arg BIN=auth-service -t localhost/creator-platform/auth:0.1.0 .
# Without Docker the binaries are compiled on the machine; tests/cluster/service-images puts them, and a base, in place of the images named here.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm
# glibc, libgcc, root certificates, time zones; no shell. Any Debian 12 image serves; one that needs more programs is given its own base.
# creator-hub reads PDF with pdftotext. Give it --build-arg BASE_IMAGE= an image of Debian 12 with poppler-utils and poppler-data, made for example by
#   printf 'FROM docker.io/library/debian:12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata poppler-utils poppler-data' | docker build -t reader-base -
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12

FROM ${RUST_IMAGE} AS builder
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --workspace --bins \
    && for bin in operator migrate backup auth-service creator-hub-service ai-engine-service channel-service; do \
         install -D target/release/$bin /out/$bin/usr/local/bin/$bin \
         && ln -s $bin /out/$bin/usr/local/bin/entrypoint || exit 1; \
       done

FROM ${BASE_IMAGE}
ARG BIN
COPY --from=builder /out/${BIN}/ /
USER 10001:10001
ENTRYPOINT ["/usr/local/bin/entrypoint"]
