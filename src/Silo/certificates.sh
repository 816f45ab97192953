#!/bin/sh
# Makes the certificates of a cluster in a folder, each once: an authority's, and for each name one that the authority issued. Needs OpenSSL 3.
#   certificates.sh FOLDER NAME…
# authority-key.pem is needed to issue more certificates and nowhere else: whoever has it can join the cluster. No silo needs it.
set -eu
mkdir -p "$1"
cd "$1"
shift
umask 077
if [ ! -f authority.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=fedllm authority" -keyout authority-key.pem -out authority.new \
    -addext "keyUsage=critical,keyCertSign"
  mv authority.new authority.pem
fi
for name; do
  if [ ! -f "$name.pem" ]; then
    openssl req -x509 -CA authority.pem -CAkey authority-key.pem -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 -subj "/CN=$name" \
      -keyout "$name-key.pem" -out "$name.new" -addext "basicConstraints=critical,CA:FALSE" -addext "extendedKeyUsage=serverAuth,clientAuth"
    mv "$name.new" "$name.pem"
  fi
done
