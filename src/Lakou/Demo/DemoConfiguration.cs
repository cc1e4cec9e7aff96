namespace Lakou.Demo;

/// <summary>The file that the demo runs on. With the friendly ports it is <c>samples/demo.yaml</c>, letter by letter.</summary>
internal static class DemoConfiguration
{
    /// <param name="store">Folder of the events.</param>
    public static string Text(DemoPorts ports, string store = "./demo-data") => $$"""
        # What `lakou demo` runs on: three services on this machine, a gateway in front of them, and events between them.

        listeners:
          web: { address: "127.0.0.1:{{ports.Gateway}}" }

        upstreams:
          fast:
            endpoints:
              - http://127.0.0.1:{{ports.FastOne}}
              - http://127.0.0.1:{{ports.FastTwo}}
            balance: round-robin
          slow: { endpoints: [ http://127.0.0.1:{{ports.Slow}} ] }
          flaky: { endpoints: [ http://127.0.0.1:{{ports.Flaky}} ] }

        filters: # for every route
          request-id: {}

        routes:
          hello:
            match: { path: /hello, methods: [GET] }
            to: fast

          ticks:
            match: { path: /ticks }
            to: slow

          report: # the service takes 300 to 800 ms; nobody waits that long
            match: { path: /report }
            filters: { timeout: 250ms }
            to: slow

          mixed: # one request in three goes to the service that fails now and then
            match: { path: /mixed }
            to: [ { upstream: fast, weight: 2 }, { upstream: flaky, weight: 1 } ]

          orders:
            match: { path: "/shop/orders/{id}" }
            filters:
              rewrite: /orders/{id}
              headers: { response: { set: { Cache-Control: no-store } } }
            to: fast

          place-order: # stored before it is answered; whoever bills it may be away
            match: { path: /shop/orders, methods: [POST] }
            enqueue: { topic: orders, type: order.placed, source: /shop }

          old-orders:
            match: { path: "/orders/{id}" }
            redirect: /shop/orders/{id}

        store: { path: "{{store}}", segment: 16MiB } # the demo has a folder of its own, and deletes it

        topics:
          orders: {}

        subscriptions:
          billing: # three attempts, then an event is dead
            topic: orders
            retry: { first: 500ms, attempts: 3, jitter: none }

        admin: { address: "127.0.0.1:{{ports.Admin}}" }
        log: { access: text, level: warning }

        """;
}
