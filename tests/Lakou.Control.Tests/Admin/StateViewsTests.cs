using Lakou.Control.Admin;
using Lakou.Core.Configuration;

namespace Lakou.Control.Tests.Admin;

public sealed class StateViewsTests
{
    [Fact]
    public void A_route_that_enqueues_shows_its_topic()
    {
        var plan = ConfigurationLoader.LoadText("lakou.yaml", """
            topics: { clicks: {} }
            routes:
              hits:  { match: { path: /hits }, enqueue: { topic: clicks, in: 1m } }
              hello: { match: { path: /hello }, respond: {} }
            """, "/", ReferenceSource.None).Plan!;
        Assert.Equal([("hits", "enqueue", "clicks"), ("hello", "respond", null)], StateViews.Routes(plan.Gateway).Routes.Select(route => (route.Name, route.Action, route.Topic)));
    }
}
