using Lakou.Gateway.Tls;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>
/// Takes out what a client may not tell an endpoint, before any filter runs: what a filter sets afterwards is ours, and no
/// client can have it removed again by naming it in Connection.
/// </summary>
internal static class ClientFields
{
    private const string ForwardedPrefix = "X-Forwarded-";

    public static void Clean(IHeaderDictionary headers, ForwardRules rules, bool trusted)
    {
        if (headers is FieldTable fields)
        {
            CleanTable(fields, rules, trusted);
        }
        else
        {
            CleanDictionary(headers, rules, trusted);
        }
    }

    private static void CleanTable(FieldTable fields, ForwardRules rules, bool trusted)
    {
        var nominates = ResponseHeadCopier.Nominates(fields);
        for (var i = fields.LineCount - 1; i >= 0; i--)
        {
            var known = fields.KnownAt(i);
            if ((known == KnownField.Other && IsUnwanted(fields.NameAt(i), rules, trusted))
                || (known == KnownField.XForwardedPort && !trusted)
                || (nominates && !IsKept(known) && fields.ListContains(KnownField.Connection, fields.NameAt(i))))
            {
                fields.RemoveAt(i);
            }
        }
    }

    /// <summary>HTTP/2 has no Connection: its server refuses it.</summary>
    private static void CleanDictionary(IHeaderDictionary fields, ForwardRules rules, bool trusted)
    {
        List<string>? unwanted = null;
        foreach (var (name, _) in fields)
        {
            if ((!trusted && (IsForwarded(name) || ClientCert.IsIts(name))) || (rules.Underscores == Underscores.Drop && name.Contains('_', StringComparison.Ordinal)))
            {
                (unwanted ??= []).Add(name);
            }
        }

        unwanted?.ForEach(name => fields.Remove(name));
    }

    private static bool IsUnwanted(ReadOnlySpan<byte> name, ForwardRules rules, bool trusted)
        => (rules.Underscores == Underscores.Drop && name.Contains((byte)'_'))
            || (!trusted && (ClientCert.IsIts(name)
                || (name.Length > ForwardedPrefix.Length && System.Text.Ascii.EqualsIgnoreCase(name[..ForwardedPrefix.Length], ForwardedPrefix))));

    /// <summary>The rest of the family (Port, Prefix, Ssl, …), which is believed as little as the four that are written anew.</summary>
    private static bool IsForwarded(string name)
        => name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase)
            && KnownFields.Of(name) is not (KnownField.XForwardedFor or KnownField.XForwardedProto or KnownField.XForwardedHost);

    /// <summary>Fields of the message's frame and of this hop: later steps read them and then write their own.</summary>
    private static bool IsKept(KnownField field) => RequestHeadWriter.IsOurs(field) || KnownFields.IsHopByHop(field);
}
