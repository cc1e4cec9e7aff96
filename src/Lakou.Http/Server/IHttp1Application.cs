using Lakou.Core.Faults;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;

namespace Lakou.Http.Server;

/// <summary>What runs above an HTTP/1.1 connection: a server application that also hears of requests that never became one.</summary>
public interface IHttp1Application<TContext> : IHttpApplication<TContext>
    where TContext : notnull
{
    /// <summary>As <see cref="IHttpApplication{TContext}.ProcessRequestAsync"/>, without a <see cref="Task"/> for each request.</summary>
    ValueTask ServeAsync(TContext context) => new(ProcessRequestAsync(context));

    /// <summary>A head that was refused; the answer has been sent and the connection is closing.</summary>
    void OnRefused(ConnectionContext connection, RequestHead head, Fault fault);
}

/// <summary>Tells one watcher when the client leaves: what <see cref="Microsoft.AspNetCore.Http.HttpContext.RequestAborted"/> tells, without a registration for each request.</summary>
public interface IClientWatchFeature
{
    bool IsClientGone { get; }

    /// <summary>From now on, at once when the client has left already. Called on any thread.</summary>
    void Watch(IClientWatcher watcher);

    /// <summary>No call is under way once this returns, and none follows.</summary>
    void Unwatch();
}

/// <inheritdoc cref="IClientWatchFeature"/>
public interface IClientWatcher
{
    void OnClientGone();
}

/// <summary>Sends an interim response (1xx except 101; RFC 9110 §15.2) ahead of the final one.</summary>
public interface IHttpInformationalFeature
{
    /// <summary>False when the protocol version has no interim responses (HTTP/1.0).</summary>
    bool CanSend { get; }

    ValueTask SendAsync(int status, FieldTable fields, CancellationToken cancellation);
}

/// <summary>A duplex stream whose sending half can end before its receiving half.</summary>
public interface IHalfClosable
{
    /// <summary>Sends what was written, then the end of the stream; reading goes on.</summary>
    ValueTask ShutdownSendAsync(CancellationToken cancellation);
}
