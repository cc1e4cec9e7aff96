using System.Text;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions.Enqueue;

/// <summary>The fields of a request that are attributes of its event (CloudEvents HTTP binding §3.1.3).</summary>
internal static class EventFields
{
    private const string Prefix = "ce-";

    public static IReadOnlyList<KeyValuePair<string, string>> Of(IHeaderDictionary fields)
    {
        List<KeyValuePair<string, string>>? found = null;
        if (fields is FieldTable table)
        {
            // Without a string for every other field.
            for (var i = 0; i < table.LineCount; i++)
            {
                var name = table.NameAt(i);
                if (name.Length > Prefix.Length && Ascii.EqualsIgnoreCase(name[..Prefix.Length], Prefix))
                {
                    (found ??= []).Add(new(Encoding.Latin1.GetString(name), Encoding.Latin1.GetString(table.ValueAt(i))));
                }
            }

            return found ?? [];
        }

        foreach (var (name, values) in fields)
        {
            if (name.Length > Prefix.Length && name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            {
                (found ??= []).AddRange(values.Select(value => KeyValuePair.Create(name, value ?? "")));
            }
        }

        return found ?? [];
    }
}
