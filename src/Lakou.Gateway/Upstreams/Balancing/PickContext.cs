using System.Net;
using Lakou.Gateway.Observation;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>Who wants an endpoint. Nothing of it is read until a balancer asks.</summary>
/// <param name="Exchange">Of a request; null at layer 4.</param>
/// <param name="Client">The address of a client of layer 4, when it has one.</param>
internal readonly record struct PickContext(Exchange? Exchange, IPAddress? Client = null);
