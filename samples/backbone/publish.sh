#!/usr/bin/env bash
# Publishes in each of the ways that there are. What is answered with 202 is on disk.
set -euo pipefail
api=${ADMIN:-http://127.0.0.1:9900}

# Plain data: Lakou makes id, source, type and time.
curl -sS --fail-with-body "$api/v1/topics/orders/events" \
    -H 'Content-Type: application/json' -d '{"total":7}'
echo

# A CloudEvent in headers. Sent twice, it is stored once: source and id are the same.
for _ in 1 2; do
    curl -sS --fail-with-body "$api/v1/topics/orders/events" \
        -H 'ce-specversion: 1.0' -H "ce-id: ${ID:-4711-placed}" -H 'ce-source: /shop' -H 'ce-type: order.placed' -H 'ce-subject: 4711' \
        -H 'Content-Type: application/json' -d '{"total":30}'
    echo
done

# A CloudEvent as JSON.
curl -sS --fail-with-body "$api/v1/topics/orders/events" -H 'Content-Type: application/cloudevents+json' \
    -d '{"specversion":"1.0","id":"4711-paid","source":"/shop","type":"order.paid","subject":"4711","data":{"by":"card"}}'
echo

# Several, all or none.
curl -sS --fail-with-body "$api/v1/topics/orders/events" -H 'Content-Type: application/cloudevents-batch+json' -d '[
    {"specversion":"1.0","id":"4712-placed","source":"/shop","type":"order.placed","subject":"4712"},
    {"specversion":"1.0","id":"4713-placed","source":"/shop","type":"order.placed","subject":"4713"}]'
echo

# Seen in an hour, and not before.
curl -sS --fail-with-body "$api/v1/topics/orders/events?in=1h" -H 'ce-type: order.reminder' -d ''
echo
