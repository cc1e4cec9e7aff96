using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging.Store;

/// <summary>The state as chunks of a snapshot.</summary>
internal sealed partial class BackboneState
{
    private enum Chunk : byte
    {
        Head = 1,
        Topic = 2,
        Subscription = 3,
        KeysHead = 4,
        Keys = 5,
        Entries = 6,
    }

    public void Write(Action<ReadOnlySpan<byte>> chunk)
    {
        var writer = new RecordWriter();

        // 1. What stands alone.
        writer.Begin((RecordKind)Chunk.Head).Long(Lsn).Long(Time).Int(NextId).Int(Damages.Count);
        Damages.ForEach(damage => writer.Text(damage));
        chunk(writer.Written);

        // 2. Topics, and then what refers to them.
        foreach (var topic in _topics.Values)
        {
            writer.Begin((RecordKind)Chunk.Topic).Int(topic.Id).Text(topic.Name).Short(topic.Partitions.Length).Flag(topic.IsByHand).Text(topic.Options);
            foreach (var partition in topic.Partitions)
            {
                writer.Long(partition.Start).Long(partition.End);
            }

            writer.Long(topic.HeldEnd).Int(topic.Held.Count);
            foreach (var (place, held) in topic.Held)
            {
                writer.Long(place).Long(held.Due).Int(held.Bytes);
            }

            chunk(writer.Written);
        }

        foreach (var subscription in _subscriptions.Values)
        {
            writer.Begin((RecordKind)Chunk.Subscription).Int(subscription.Id).Text(subscription.Name).Int(subscription.Topic.Id).Byte((byte)subscription.Mode)
                .Flag(subscription.IsByHand).Text(subscription.Options).Flag(subscription.IsPaused);
            var isFirst = true;
            subscription.Queue.Write(writer, () =>
            {
                End();
                writer.Begin((RecordKind)Chunk.Entries).Int(subscription.Id);
            });
            End();

            void End()
            {
                foreach (var offset in isFirst ? subscription.Committed : [])
                {
                    writer.Long(offset);
                }

                isFirst = false;
                chunk(writer.Written);
            }
        }

        // 3. Keys.
        writer.Begin((RecordKind)Chunk.KeysHead);
        Keys.Write(writer, () => chunk(writer.Written));
    }

    public void ReadChunk(ReadOnlySpan<byte> bytes)
    {
        var reader = new RecordReader(bytes);
        switch ((Chunk)reader.Kind)
        {
            case Chunk.Head:
                (Lsn, Time, NextId) = (reader.ULong(), reader.Long(), reader.Int());
                for (var left = reader.Int(); left > 0; left--)
                {
                    Damages.Add(reader.Text());
                }

                break;
            case Chunk.Topic:
                ReadTopic(ref reader);
                break;
            case Chunk.Subscription:
                ReadSubscription(ref reader);
                break;
            case Chunk.Entries:
                _subscriptions[reader.Int()].Queue.ReadEntries(ref reader);
                break;
            case Chunk.KeysHead:
                Keys.ReadHead(ref reader);
                break;
            default:
                Keys.ReadChunk(ref reader);
                break;
        }
    }

    private void ReadTopic(ref RecordReader reader)
    {
        var topic = new Topics.TopicState(reader.Int(), reader.Text(), reader.Short()) { IsByHand = reader.Flag(), Options = reader.Text() };
        for (var partition = 0; partition < topic.Partitions.Length; partition++)
        {
            topic.Partitions[partition] = new() { Start = reader.ULong(), End = reader.ULong() };
        }

        topic.HeldEnd = reader.ULong();
        for (var left = reader.Int(); left > 0; left--)
        {
            topic.Held.Add(reader.ULong(), new(reader.Long(), reader.Int()));
        }

        _topics.Add(topic.Id, topic);
    }

    private void ReadSubscription(ref RecordReader reader)
    {
        var (id, name, topic, mode) = (reader.Int(), reader.Text(), reader.Int(), (SubscriptionMode)reader.Byte());
        var subscription = new SubscriptionState(id, name, _topics[topic], mode) { IsByHand = reader.Flag(), Options = reader.Text(), IsPaused = reader.Flag() };
        subscription.Queue.Read(ref reader);
        for (var partition = 0; partition < subscription.Committed.Length; partition++)
        {
            subscription.Committed[partition] = reader.ULong();
        }

        _subscriptions.Add(id, subscription);
    }
}
