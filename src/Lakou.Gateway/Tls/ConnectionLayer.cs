using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Tls;

/// <summary>A connection over another, of which it is the same in all that is not overridden.</summary>
internal abstract class ConnectionLayer(ConnectionContext below) : ConnectionContext
{
    public override string ConnectionId
    {
        get => below.ConnectionId;
        set => below.ConnectionId = value;
    }

    public override IFeatureCollection Features => below.Features;

    public override IDictionary<object, object?> Items
    {
        get => below.Items;
        set => below.Items = value;
    }

    public override IDuplexPipe Transport
    {
        get => below.Transport;
        set => below.Transport = value;
    }

    public override CancellationToken ConnectionClosed
    {
        get => below.ConnectionClosed;
        set => below.ConnectionClosed = value;
    }

    public override EndPoint? LocalEndPoint
    {
        get => below.LocalEndPoint;
        set => below.LocalEndPoint = value;
    }

    public override EndPoint? RemoteEndPoint
    {
        get => below.RemoteEndPoint;
        set => below.RemoteEndPoint = value;
    }

    public override void Abort() => below.Abort();

    public override void Abort(ConnectionAbortedException abortReason) => below.Abort(abortReason);
}
