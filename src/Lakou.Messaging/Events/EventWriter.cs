using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Events;

/// <summary>
/// Writes frames as CloudEvents 1.0.2. What came in one mode goes out in every mode with the same meaning. Headers and bodies say less than JSON does: there,
/// integers and booleans are strings, and data without a byte is no data. JSON data goes out in the bytes in which it came, line breaks between its tokens included.
/// </summary>
internal static class EventWriter
{
    public const string StructuredType = "application/cloudevents+json";
    public const string BatchType = "application/cloudevents-batch+json";

    /// <summary><c>{"specversion":"1.0","id":…,"source":…,"type":…,…,"data":…}</c></summary>
    public static void WriteStructured(EventFrame frame, IBufferWriter<byte> into)
    {
        into.Write("{\"specversion\":\"1.0\""u8);
        foreach (var attribute in frame.Attributes)
        {
            into.Write(",\""u8);
            into.Write(attribute.Name);
            into.Write("\":"u8);
            if (attribute.Type is AttributeType.Integer or AttributeType.Boolean)
            {
                into.Write(attribute.Value);
            }
            else
            {
                JsonText.WriteString(attribute.Value, into);
            }
        }

        WriteData(frame, into);
        into.Write("}"u8);
    }

    /// <summary>An array of structured events.</summary>
    /// <param name="frames">Whole frames one after the other; or none.</param>
    public static void WriteBatch(ReadOnlySpan<byte> frames, IBufferWriter<byte> into)
    {
        var separator = "["u8;
        while (!frames.IsEmpty)
        {
            into.Write(separator);
            WriteStructured(EventFrame.Take(ref frames), into);
            separator = ","u8;
        }

        into.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
    }

    /// <summary>Attributes into headers, data into the body.</summary>
    public static void WriteBinary(EventFrame frame, IHeaderDictionary headers, IBufferWriter<byte> body)
    {
        headers["ce-specversion"] = "1.0";
        if ((frame.Flags & FrameFlags.Json) == FrameFlags.Json)
        {
            headers.ContentType = "application/json"; // what JSON without a media type is; one that is stated comes next
        }

        foreach (var attribute in frame.Attributes)
        {
            if (attribute.Name.SequenceEqual("datacontenttype"u8))
            {
                headers.ContentType = Encoding.ASCII.GetString(attribute.Value);
            }
            else
            {
                headers[$"ce-{Encoding.ASCII.GetString(attribute.Name)}"] = HeaderText.Encode(attribute.Value);
            }
        }

        body.Write(frame.Data);
    }

    private static void WriteData(EventFrame frame, IBufferWriter<byte> into)
    {
        if (!frame.HasData)
        {
            return;
        }

        var data = frame.Data;
        if ((frame.Flags & FrameFlags.Json) == FrameFlags.Json)
        {
            into.Write(",\"data\":"u8);
            into.Write(data);
        }
        else if ((frame.Flags & FrameFlags.Text) == FrameFlags.Text)
        {
            into.Write(",\"data\":"u8);
            JsonText.WriteString(data, into);
        }
        else
        {
            into.Write(",\"data_base64\":"u8);
            JsonText.WriteBase64(data, into);
        }
    }
}
