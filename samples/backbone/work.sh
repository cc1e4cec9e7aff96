#!/usr/bin/env bash
# A worker: receives an event, does its work, acknowledges it; ends when there is none.
set -euo pipefail
api=${ADMIN:-http://127.0.0.1:9900}/v1/subscriptions/billing

while true; do
    received=$(curl -sS --fail-with-body -X POST "$api/receive?max=1&wait=${WAIT:-1s}")
    lease=$(sed -n 's/.*"lease":"\([^"]*\)".*/\1/p' <<< "$received")
    [[ -n $lease ]] || break

    # The work. If it takes longer than the lease: POST $api/extend with the same body.
    echo "worked on: $received"

    curl -sS --fail-with-body "$api/ack" -H 'Content-Type: application/json' -d "{\"leases\":[\"$lease\"]}"
    echo
done
