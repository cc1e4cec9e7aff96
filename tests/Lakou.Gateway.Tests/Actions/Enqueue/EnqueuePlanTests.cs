using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

public sealed class EnqueuePlanTests
{
    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var (plan, problems) = Plan("{ topic: orders, status: 201, in: 366d, type: order.placed, source: \"https://shop.example/\" }");
        Assert.Empty(problems);
        Assert.Equal(
            new EnqueueOptions { Topic = "orders", Status = 201, In = TimeSpan.FromDays(366), Type = "order.placed", Source = "https://shop.example/" },
            plan.Routes["events"].Enqueue);
    }

    [Fact]
    public void A_string_is_a_topic() => Assert.Equal(new EnqueueOptions { Topic = "orders", Status = 202 }, Plan("orders").Plan.Routes["events"].Enqueue);

    [Theory]
    [InlineData("ordes", "enqueue: unknown topic 'ordes'; did you mean 'orders'?")]
    [InlineData("{ topic: ordes }", "enqueue.topic: unknown topic 'ordes'; did you mean 'orders'?")]
    [InlineData("{}", "enqueue: required key 'topic' is missing")]
    [InlineData("{ topic: orders, status: 303 }", "enqueue.status: 303 is not allowed; 200, 201, 202, or 204 without a body")]
    [InlineData("{ topic: orders, in: 367d }", "enqueue.in: 367d is not allowed; 0s to 366d")]
    [InlineData("{ topic: orders, type: \"a b\" }", "enqueue.type: expected a type such as order.placed: visible ASCII, not 'a b'")]
    [InlineData("{ topic: orders, source: \"\" }", "enqueue.source: must not be empty")]
    public void What_is_wrong_is_told_with_what_would_be_right(string enqueue, string problem)
        => Assert.Equal([$"routes.events.{problem}"], Plan(enqueue).Problems);

    [Fact]
    public void A_topic_needs_a_place_in_the_file()
        => Assert.Equal(["routes.events.enqueue: unknown topic 'orders'; add topics: { orders: {} }"], Plan("orders", topics: "").Problems);

    [Fact]
    public void Methods_without_a_body_are_a_problem()
        => Assert.Equal(["routes.events.match.methods: 'enqueue' takes POST, PUT, PATCH; drop 'GET', or give it a route of its own"], Plan("orders", methods: "GET, POST").Problems);

    [Fact]
    public void It_is_an_action_beside_which_there_is_no_other()
        => Assert.Equal(["routes.events: a route has one action only; keep one of to, respond, redirect, compose, enqueue, backbone"], Plan("orders, respond: {}").Problems);

    private static (GatewayPlan Plan, string[] Problems) Plan(string enqueue, string methods = "POST, PUT, PATCH", string topics = "orders: {}, clicks: {}")
    {
        var (plan, problems) = TestGateway.Plan($$"""
            topics: { {{topics}} }
            routes: { events: { match: { path: /events, methods: [{{methods}}] }, enqueue: {{enqueue}} } }
            """);
        return (plan, [.. problems.Select(problem => $"{problem.Path}: {problem.Message}")]);
    }
}
