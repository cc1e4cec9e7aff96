#!/usr/bin/env bash
# An event that fails until it is dead, is looked at, and is brought back.
set -euo pipefail
api=${ADMIN:-http://127.0.0.1:9900}
billing=$api/v1/subscriptions/billing

receive() {
    curl -sS --fail-with-body -X POST "$billing/receive?wait=20s" | sed -n 's/.*"lease":"\([^"]*\)".*/\1/p'
}

curl -sS --fail-with-body "$api/v1/topics/orders/events" -H 'ce-type: order.placed' -H 'ce-subject: 4714' \
    -H 'Content-Type: application/json' -d '{"card":"bad"}'
echo

# Three attempts, as billing's retry says; then it is dead.
for attempt in 1 2 3; do
    curl -sS --fail-with-body "$billing/nack" -H 'Content-Type: application/json' \
        -d "{\"leases\":[\"$(receive)\"],\"reason\":\"declined, attempt $attempt\"}"
    echo
done
curl -sS --fail-with-body "$billing/dead"
echo

# Back to where it was: all, or those that a filter names.
curl -sS --fail-with-body "$billing/dead/redrive" -H 'Content-Type: application/json' -d '{"filter":{"type":"order.*"}}'
echo
curl -sS --fail-with-body "$billing/ack" -H 'Content-Type: application/json' -d "{\"leases\":[\"$(receive)\"]}"
echo
