using System.Buffers;
using System.Text;
using Lakou.Core.Events;

namespace Lakou.Core.Tests.Events;

public sealed class EventReceiptJsonTests
{
    [Fact]
    public void One_event_is_an_object_with_its_place()
        => Assert.Equal("""{"topic":"orders","id":"a-1","partition":3,"offset":18446744073709551615}""", Written(new() { Events = [new("a-1"u8.ToArray(), 3, ulong.MaxValue)] }));

    [Fact]
    public void A_batch_is_a_count_and_a_list_however_many_it_has()
    {
        Assert.Equal("""{"topic":"orders","count":0,"events":[]}""", Written(new() { IsBatch = true }));
        Assert.Equal(
            """{"topic":"orders","count":2,"events":[{"id":"a","partition":0,"offset":0},{"id":"b","partition":1,"offset":7}]}""",
            Written(new() { IsBatch = true, Events = [new("a"u8.ToArray(), 0, 0), new("b"u8.ToArray(), 1, 7)] }));
    }

    [Fact]
    public void A_duplicate_says_so()
        => Assert.EndsWith(""","offset":0,"duplicate":true}""", Written(new() { Events = [new("a"u8.ToArray(), 0, 0) { IsDuplicate = true }] }), StringComparison.Ordinal);

    [Fact]
    public void A_delayed_event_has_a_time_and_no_place()
        => Assert.Equal(
            """{"topic":"orders","id":"a","due":"2026-01-31T11:00:00Z"}""",
            Written(new() { Events = [new("a"u8.ToArray(), 2, null) { Due = new(2026, 1, 31, 12, 0, 0, TimeSpan.FromHours(1)) }] }));

    [Fact]
    public void An_id_cannot_break_out_of_its_string()
        => Assert.Equal("""{"topic":"orders","id":"\u0022,\u0022x\u0022:\u0022\u00E9\n","partition":0,"offset":0}""", Written(new() { Events = [new("\",\"x\":\"é\n"u8.ToArray(), 0, 0)] }));

    private static string Written(EventReceipt receipt)
    {
        var json = new ArrayBufferWriter<byte>();
        EventReceiptJson.Write("orders", receipt, json);
        return Encoding.UTF8.GetString(json.WrittenSpan);
    }
}
