#!/usr/bin/env bash
# A reader of a log: reads, does its work, commits how far it is; ends when it has seen all.
set -euo pipefail
api=${ADMIN:-http://127.0.0.1:9900}/v1/subscriptions/search

while true; do
    read=$(curl -sS --fail-with-body -X POST "$api/receive?max=100")
    [[ $read != '{"events":[],'* ]] || break
    echo "$read"
    curl -sS --fail-with-body "$api/commit" -H 'Content-Type: application/json' -d "{\"positions\":${read##*\"positions\":}"
    echo
done
