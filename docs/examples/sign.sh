#!/bin/sh
# Prints an exact token, or a grant:
#   ORIGIN_KEY=... sh sign.sh PREFIX KEY [NAME VALUE]...
#   ORIGIN_KEY=... sh sign.sh GRANT-AS-JSON
# openssl takes the signing key as an argument, which other users of the same machine can see.
: "${ORIGIN_KEY:?}"
[ $# -eq 1 ] || { [ $# -gt 1 ] && [ $(($# % 2)) -eq 0 ]; } || { echo "a name without a value" >&2; exit 2; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
sign() (  # signs its input; $1 is the salt
  derived=$(printf %s "$1" | openssl dgst -sha256 -hmac "$ORIGIN_KEY" -r | cut -c 1-64)
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$derived" -binary | base64url
)
escape() (
  LC_ALL=C rest=$1
  while [ -n "$rest" ]; do
    byte=${rest%"${rest#?}"} rest=${rest#?}
    case $byte in [A-Za-z0-9._~-]) printf %s "$byte" ;; *) printf %%%02X "'$byte" ;; esac
  done
)
query() {  # sorted with a space between name and value: a space sorts before every character of a name
  while [ $# -gt 0 ]; do printf '%s %s\n' "$(escape "$1")" "$(escape "$2")"; shift 2; done |
    LC_ALL=C sort | tr ' ' = | paste -s -d '&' -
}
if [ $# -eq 1 ]; then
  payload=$(printf %s "$1" | base64url)
  printf '%s.%s\n' "$payload" "$(printf %s "$payload" | sign origin/v1/grant)"
else
  prefix=$1 key=$2; shift 2
  printf '%s\n%s\n%s' "$prefix" "$key" "$(query "$@")" | sign origin/v1; echo
fi
