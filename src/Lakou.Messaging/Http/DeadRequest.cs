using System.Globalization;
using System.Text;
using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Http;

/// <summary>Which dead events are meant, and what is to be done with them.</summary>
internal sealed record DeadRequest
{
    private const int MostPlaces = 10_000;

    public DeadSelection Selection { get; init; } = DeadSelection.All;

    public int Max { get; init; } = int.MaxValue;

    /// <summary>So many a second; null for all at once.</summary>
    public int? Rate { get; init; }

    public bool ToEnd { get; init; }

    public static Fault? Read(string text, bool isRedrive, out DeadRequest request)
    {
        request = new();
        if (text.Length == 0)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement, isRedrive, ref request)
                : BackboneFaults.BadRequest.With("the body is not an object; send {} for all, or {\"filter\": {\"type\": \"order.*\"}}");
        }
        catch (JsonException e)
        {
            return BackboneFaults.BadRequest.With($"the body is no JSON, at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");
        }
    }

    private static Fault? Read(JsonElement body, bool isRedrive, ref DeadRequest request)
    {
        string[] allowed = isRedrive ? ["filter", "places", "max", "rate", "to"] : ["filter", "places", "max"];
        foreach (var (name, value) in body.EnumerateObject().Select(property => (property.Name, property.Value)))
        {
            Fault? fault = null;
            switch (name)
            {
                case "filter":
                    fault = EventFilterOptions.Parse(Encoding.UTF8.GetBytes(value.GetRawText()), out var options);
                    request = fault is not null ? request : request with { Selection = request.Selection with { Filter = new EventFilter(options) } };
                    break;
                case "places" when value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is > 0 and <= MostPlaces:
                    List<EventPlace> places = [];
                    foreach (var one in value.EnumerateArray())
                    {
                        if (one.ValueKind != JsonValueKind.String || !EventPlace.TryParse(one.GetString()!, out var place))
                        {
                            return BackboneFaults.BadRequest.With($"places: {one.GetRawText()} is not a place as the list of dead events gives it, such as \"3-17\"");
                        }

                        places.Add(place);
                    }

                    request = request with { Selection = request.Selection with { Places = places } };
                    break;
                case "max" or "rate" when allowed.Contains(name, StringComparer.Ordinal) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count > 0:
                    request = name == "max" ? request with { Max = count } : request with { Rate = count };
                    break;
                case "to" when isRedrive && value.ValueKind == JsonValueKind.String && value.GetString() is "front" or "end":
                    request = request with { ToEnd = value.GetString() == "end" };
                    break;
                default:
                    fault = allowed.Contains(name, StringComparer.Ordinal)
                        ? BackboneFaults.BadRequest.With($"{name}: {Clip(value.GetRawText())} is not allowed; {Right(name)}")
                        : BackboneFaults.BadRequest.With($"unknown key '{name}'{Nearest.Suggest(name, allowed)}");
                    break;
            }

            if (fault is not null)
            {
                return fault;
            }
        }

        return request.Rate is not null && request.Max != int.MaxValue ? BackboneFaults.BadRequest.With("max and rate say different things; send one of them") : null;
    }

    private static string Right(string name) => name switch
    {
        "places" => string.Create(CultureInfo.InvariantCulture, $"a list of 1 to {MostPlaces} places such as \"3-17\""),
        "to" => "\"front\" or \"end\"",
        _ => "a whole number from 1",
    };

    private static string Clip(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
