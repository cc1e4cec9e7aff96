#!/usr/bin/env bash
# Prints the first events of a topic as they are streamed, then goes on with the id of the last, as an EventSource does by itself.
set -euo pipefail
api=${ADMIN:-http://127.0.0.1:9900}
count=${COUNT:-2}

follow() { # header, number of events
    local line left=$2
    while ((left > 0)) && IFS= read -r line; do
        case $line in
            id:*) last=${line#id: } ;;
            data:*) echo "$line" && left=$((left - 1)) ;;
        esac
    done < <(exec curl -sSN "$api/v1/topics/orders/events?from=earliest" -H 'Accept: text/event-stream' -H "$1")
    kill $! 2> /dev/null || true
}

last=
follow 'X-First: yes' "$count"
echo "on from $last"
follow "Last-Event-ID: $last" 1
