# A silo with the demo's model and data. Built from the repository alone: docker build -t fedllm-silo .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/Silo -c Release -o /published

FROM mcr.microsoft.com/dotnet/aspnet:10.0
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home fedllm && mkdir -p /app /certificates && chown fedllm /certificates
WORKDIR /app
COPY demo /app/demo
COPY configs /app/configs
COPY --from=build /published /silo
USER fedllm
# The silo's own address in the cluster's network, which a container learns when it starts.
ENTRYPOINT ["/bin/sh", "-c", "exec dotnet /silo/fedllm-silo.dll --address \"$(hostname -i | cut -d' ' -f1)\" \"$@\"", "--"]
