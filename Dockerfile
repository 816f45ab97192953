# A silo with the demo's model and data. Built from the repository alone: docker build -t fedllm-silo .
# With Torch's devices: --build-arg SILO=Silo.Torch --build-arg PROGRAM=fedllm-silo-torch --build-arg TORCH=cuda-linux
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG SILO=Silo
ARG TORCH=none
WORKDIR /source
COPY . .
RUN dotnet publish "src/$SILO" -c Release -p:TorchNative="$TORCH" -o /published

FROM mcr.microsoft.com/dotnet/aspnet:10.0
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home fedllm && mkdir -p /app /certificates && chown fedllm /certificates
WORKDIR /app
COPY demo /app/demo
COPY configs /app/configs
COPY --from=build /published /silo
ARG PROGRAM=fedllm-silo
ENV FEDLLM_SILO=$PROGRAM
USER fedllm
# The silo's own address in the cluster's network, which a container learns when it starts.
ENTRYPOINT ["/bin/sh", "-c", "exec dotnet /silo/$FEDLLM_SILO.dll --address \"$(hostname -i | cut -d' ' -f1)\" \"$@\"", "--"]
