# The storage initializer on top of the image that brings kit. Made for every builder: docker with and without
# BuildKit, podman, buildah.
#
#   KIT_BASE_IMAGE  brings `kit` on PATH
#   DENO_IMAGE      Debian with `deno`: it compiles, and its C library is taken along
#   STD_SOURCE      where @std comes from: jsr, or npm where JSR cannot be reached (for tests)
#   REVISION        the commit, for the image's label
#
# Nothing here names an architecture, so it builds for whichever the builder runs: amd64 or arm64.
ARG KIT_BASE_IMAGE=ghcr.io/kitops-ml/kitops:next
ARG DENO_IMAGE=docker.io/denoland/deno:debian-2.9.6

FROM $DENO_IMAGE AS build
ARG STD_SOURCE=jsr
ENV STD_SOURCE=$STD_SOURCE
WORKDIR /src
COPY LICENSE deno.json deno.lock main.ts ./
COPY lib lib
COPY tools tools
# The program gets all of Deno's permissions: tools/program.ts says why fewer cannot work.
RUN deno task compile

# The base is Alpine with musl, the program needs glibc. `ldd` names the loader and the libraries, whatever the
# architecture. The loader must be where the program says; the libraries go to /usr/lib, which the loader
# searches, since in a base with merged /usr a copied folder /lib would meet a link of that name.
# glibc and libgcc are passed on, so are their terms.
RUN set -eu; \
  triplet="$(uname -m)-linux-gnu"; \
  licenses=/image/usr/share/licenses/storage-initializer; \
  mkdir -p /image/lib /image/lib64 "/image/usr/lib/$triplet" /image/usr/local/bin "$licenses"; \
  ldd dist/storage-initializer | grep -o '/[^ ]*' > /tmp/libraries; \
  while read -r library; do \
    case "$library" in \
      /lib64/ld-linux*) cp -L "$library" /image/lib64/ ;; \
      /lib/ld-linux*) cp -L "$library" /image/lib/ ;; \
      *) cp -L "$library" "/image/usr/lib/$triplet/" ;; \
    esac; \
  done < /tmp/libraries; \
  for package in libc6 libgcc-s1; do \
    cp "/usr/share/doc/$package/copyright" "$licenses/$package"; \
  done; \
  cp LICENSE "$licenses/"; \
  cp dist/storage-initializer /image/usr/local/bin/

FROM $KIT_BASE_IMAGE
ARG KIT_BASE_IMAGE
COPY --from=build /image/lib/ /lib/
COPY --from=build /image/lib64/ /lib64/
COPY --from=build /image/usr/ /usr/

# A number: with a name `runAsNonRoot` cannot be checked.
USER 1001
# A file and no shell: nothing in the image but kit and the C library is needed at run time.
ENTRYPOINT ["/usr/local/bin/storage-initializer"]

# The base has labels of its own, and what is not said here would be said of it.
ARG REVISION=
LABEL org.opencontainers.image.title="KitOps storage initializer" \
  org.opencontainers.image.description="Fills a KServe model volume with a ModelKit (kit://)" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision=$REVISION \
  org.opencontainers.image.source="https://github.com/kitops-ml/kitops-kserve" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.base.name=$KIT_BASE_IMAGE
