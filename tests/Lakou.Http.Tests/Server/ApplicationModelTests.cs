using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Lakou.Http.Tests.Server;

/// <summary>What is written for ASP.NET Core finds its HttpContext as it expects it.</summary>
public sealed class ApplicationModelTests
{
    [Fact]
    public async Task Middleware_of_ASP_NET_Core_runs_on_it()
    {
        await using var services = new ServiceCollection().AddLogging().AddOptions().BuildServiceProvider();
        var builder = new ApplicationBuilder(services);
        builder.Use(next => context =>
        {
            context.RequestServices = services;
            return next(context);
        });
        builder.UseStatusCodePages("text/plain", "page of {0}");
        builder.Run(async context =>
        {
            switch (context.Request.Path)
            {
                case "/json":
                    await context.Response.WriteAsJsonAsync(new Dictionary<string, int> { ["query"] = int.Parse(context.Request.Query["a"]!) });
                    break;
                case "/form":
                    var form = await context.Request.ReadFormAsync();
                    await context.Response.WriteAsync($"{form["a"]}+{form["b"]}");
                    break;
                case "/pipe":
                    var read = await context.Request.BodyReader.ReadAtLeastAsync(5);
                    var text = Encoding.ASCII.GetString(read.Buffer);
                    context.Request.BodyReader.AdvanceTo(read.Buffer.End);
                    await context.Response.WriteAsync(text);
                    break;
                default:
                    context.Response.StatusCode = 404;
                    break;
            }
        });
        await using var server = await TestServer.StartAsync(builder.Build());
        using var client = new HttpClient { BaseAddress = new Uri($"http://{server.Address}") };
        var stop = TestContext.Current.CancellationToken;
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("{\"query\":7}", await client.GetStringAsync("/json?a=7", stop));
            using var missing = await client.GetAsync("/missing", stop);
            Assert.Equal("page of 404", await missing.Content.ReadAsStringAsync(stop));
            using var content = new FormUrlEncodedContent([new("a", "1"), new("b", "2")]);
            using var form = await client.PostAsync("/form", content, stop);
            Assert.Equal("1+2", await form.Content.ReadAsStringAsync(stop));
            using var hello = new StringContent("hello");
            using var pipe = await client.PostAsync("/pipe", hello, stop);
            Assert.Equal("hello", await pipe.Content.ReadAsStringAsync(stop));
        }
    }

    [Fact]
    public async Task Features_can_be_listed_replaced_and_taken_away()
    {
        await using var server = await TestServer.StartAsync(context =>
        {
            var features = context.Features;
            var all = features.Select(feature => feature.Key).ToArray();
            Assert.Equal(all.Distinct(), all);
            Assert.Contains(typeof(IHttpRequestFeature), all);
            Assert.Contains(typeof(Microsoft.AspNetCore.Connections.Features.IConnectionIdFeature), all);

            var own = new HttpRequestIdentifierFeature { TraceIdentifier = "mine" };
            var revision = features.Revision;
            features.Set<IHttpRequestIdentifierFeature>(own);
            Assert.NotEqual(revision, features.Revision);
            Assert.Equal("mine", context.TraceIdentifier);
            Assert.Same(own, features.Single(feature => feature.Key == typeof(IHttpRequestIdentifierFeature)).Value);
            features.Set<IHttpResponseTrailersFeature>(null);
            Assert.Null(features.Get<IHttpResponseTrailersFeature>());
            return TestServer.EchoAsync(context);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_have_identifiers_and_addresses()
    {
        var ids = new List<string>();
        await using var server = await TestServer.StartAsync(context =>
        {
            ids.Add(context.TraceIdentifier);
            Assert.Equal(System.Net.IPAddress.Loopback, context.Connection.RemoteIpAddress);
            Assert.Equal(System.Net.IPAddress.Loopback, context.Connection.LocalIpAddress);
            return TestServer.EchoAsync(context);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadResponseAsync();
        await client.ReadResponseAsync();
        Assert.Equal(2, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("GET /a%20b?c=d HTTP/1.1", "/a%20b", "?c=d")]
    [InlineData("GET http://a/b?c HTTP/1.1", "/b", "?c")]
    [InlineData("GET http://a?c HTTP/1.1", "/", "?c")]
    [InlineData("GET http://a HTTP/1.1", "/", "")]
    [InlineData("OPTIONS * HTTP/1.1", "", "")]
    public async Task Path_and_query_are_taken_from_every_form_of_target(string line, string path, string query)
    {
        await using var server = await TestServer.StartAsync(context =>
        {
            var feature = context.Features.GetRequiredFeature<IHttpRequestFeature>();
            return context.Response.WriteAsync($"{feature.Path}|{feature.QueryString}");
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(line + "\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.Contains($"\r\n{path}|{query}\r\n", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }
}
