using System.Net;
using Lakou.Gateway.Upstreams.Discovery.Dns;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class DnsMessageTests
{
    // As a server writes it: id 0x1234, one question, an alias and two addresses with pointers to names before, an OPT record.
    private static readonly byte[] Answer =
    [
        0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 1,
        3, (byte)'a', (byte)'P', (byte)'i', 4, (byte)'t', (byte)'e', (byte)'s', (byte)'t', 0, 0, 1, 0, 1,
        0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 5, 2, (byte)'v', (byte)'2', 0xC0, 16,
        0xC0, 38, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 0, 0, 1,
        0xC0, 38, 0, 1, 0, 1, 0xFF, 0, 0, 0, 0, 4, 10, 0, 0, 2,
        0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0,
    ];

    [Fact]
    public void An_answer_is_read_with_its_pointers()
    {
        var message = DnsMessage.Read(Answer);
        Assert.Equal((0x1234, DnsCode.NoError, "api.test", DnsType.A), (message.Id, message.Code, message.Name, message.Type));
        Assert.Equal(("api.test", "v2.test"), (message.Answers[0].Owner, message.Answers[0].Target));
        Assert.Equal(("v2.test", IPAddress.Parse("10.0.0.1"), 30), (message.Answers[1].Owner, message.Answers[1].Address, message.Answers[1].Ttl.TotalSeconds));
        Assert.Equal(TimeSpan.Zero, message.Answers[2].Ttl); // the highest bit: RFC 2181 §8
        Assert.Empty(message.Additionals);
    }

    [Fact]
    public void A_question_has_the_form_of_RFC_1035_and_6891()
        => Assert.Equal(
            "12-34-01-00-00-01-00-00-00-00-00-01-03-61-70-69-04-74-65-73-74-00-00-01-00-01-00-00-29-04-D0-00-00-00-00-00-00",
            BitConverter.ToString(DnsMessage.Ask(0x1234, "api.test.", DnsType.A, edns: true)));

    [Fact]
    public void Every_prefix_of_an_answer_is_refused()
    {
        for (var length = 0; length < Answer.Length; length++)
        {
            Assert.Throws<DnsFormatException>(() => DnsMessage.Read(Answer.AsSpan(0, length)));
        }
    }

    [Theory]
    [InlineData(12, "points at itself")]
    [InlineData(14, "points forward")]
    [InlineData(255, "points beyond the end")]
    public void A_pointer_that_leads_nowhere_is_refused(byte target, string why)
    {
        var message = Answer[..26];
        message[7] = 0;
        message[11] = 0;
        (message[12], message[13]) = (0xC0, target);
        Assert.True(Refuses(message), why);
    }

    [Fact]
    public void Two_pointers_that_lead_to_each_other_are_refused()
    {
        var message = Answer[..];
        (message[36], message[37]) = (0, 5);
        (message[38], message[39], message[40], message[41], message[42]) = (0xC0, 40, 0xC0, 38, 0);
        Assert.True(Refuses(message));
    }

    [Fact]
    public void A_name_that_pointers_make_too_long_is_refused()
    {
        // Each answer's name is a label of 63 and a pointer to the one before: the fifth has more than 255 octets.
        var message = new List<byte>([0, 1, 0x80, 0, 0, 0, 0, 6, 0, 0, 0, 0]);
        var before = -1;
        for (var i = 0; i < 6; i++)
        {
            var at = message.Count;
            message.AddRange([63, .. Enumerable.Repeat((byte)'a', 63)]);
            message.AddRange(before < 0 ? [0] : [(byte)(0xC0 | (before >> 8)), (byte)before]);
            message.AddRange([0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]);
            before = at;
        }

        Assert.True(Refuses([.. message]));
        message[7] = 3;
        Assert.False(Refuses([.. message]));
    }

    [Fact]
    public void Counts_without_records_and_data_longer_than_it_says_are_refused()
    {
        var many = Answer[..];
        (many[6], many[7]) = (0xFF, 0xFF);
        Assert.True(Refuses(many));

        var longer = Answer[..];
        longer[37] = 3; // the alias has five octets
        Assert.True(Refuses(longer));
    }

    [Fact]
    public void Whatever_comes_is_read_or_refused()
    {
        var random = new Random(20251121);
        for (var i = 0; i < 200_000; i++)
        {
            byte[] message;
            if (i % 2 == 0)
            {
                message = new byte[random.Next(120)];
                random.NextBytes(message);
                if (message.Length > 2)
                {
                    message[2] = 0x80;
                }
            }
            else
            {
                message = Answer[..random.Next(13, Answer.Length + 1)];
                for (var changes = random.Next(1, 5); changes > 0; changes--)
                {
                    message[random.Next(message.Length)] = (byte)random.Next(256);
                }
            }

            Refuses(message); // throws anything else
        }
    }

    [Fact]
    public void The_largest_message_of_the_longest_names_takes_bounded_work()
    {
        // 127 labels of one octet once, then records that point at them until the message is full.
        var message = new List<byte>([0, 1, 0x80, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0]);
        message.AddRange(Enumerable.Repeat(new byte[] { 1, (byte)'a' }, 127).SelectMany(label => label));
        message.AddRange([0, 0, 99, 0, 1, 0, 0, 0, 1, 0, 0]);
        while (message.Count < ushort.MaxValue - 12)
        {
            message.AddRange([0xC0, 12, 0, 99, 0, 1, 0, 0, 0, 1, 0, 0]);
        }

        Assert.True(Refuses([.. message])); // after some 5,400 records, of which there are fewer than it says
    }

    private static bool Refuses(byte[] message)
    {
        try
        {
            DnsMessage.Read(message);
            return false;
        }
        catch (DnsFormatException)
        {
            return true;
        }
    }
}
