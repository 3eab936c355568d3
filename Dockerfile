# The image that deploy/ names: the static binary and nothing else. goreleaser puts a binary for each platform into the
# build's folder; make image builds it for this machine.
FROM scratch
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/faultflow /usr/bin/faultflow
ENV PATH=/usr/bin
ENTRYPOINT ["faultflow"]
