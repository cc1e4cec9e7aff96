using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Lakou.Load.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Lakou.Peers;

/// <summary>A fanout exchange and a quorum queue for each subscription, at least one. Publisher confirms, acknowledgements by hand.</summary>
internal sealed class RabbitBroker(string address) : IBroker
{
    private const string Exchange = "bench";
    private const int MostSubscriptions = 10;

    // Workers share connections, as RabbitMQ advises: a channel is cheap, a connection is not.
    private const int WorkersOfOne = 32;

    private readonly ConnectionFactory _factory = new() { HostName = address.Split(':')[0], Port = int.Parse(address.Split(':')[1], CultureInfo.InvariantCulture), AutomaticRecoveryEnabled = false };
    private IConnection? _connection;
    private int _workers;

    public async Task ResetAsync(int subscriptions)
    {
        await using var connection = await _factory.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(Exchange, ExchangeType.Fanout, durable: true);
        for (var i = 0; i < MostSubscriptions; i++)
        {
            await channel.QueueDeleteAsync($"s{i}");
        }

        for (var i = 0; i < Math.Max(1, subscriptions); i++)
        {
            await channel.QueueDeclareAsync($"s{i}", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
            await channel.QueueBindAsync($"s{i}", Exchange, "");
        }
    }

    public async Task<IWorker> OpenAsync(int batch, int subscriptions, bool isTaker)
    {
        try
        {
            if (_workers++ % WorkersOfOne == 0)
            {
                _connection = await _factory.CreateConnectionAsync();
            }

            var publisher = await _connection!.CreateChannelAsync(new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
            var consumers = new Consumer[isTaker ? subscriptions : 0];
            for (var i = 0; i < consumers.Length; i++)
            {
                consumers[i] = await Consumer.BeginAsync(await _connection.CreateChannelAsync(), $"s{i}", batch);
            }

            return new Worker(publisher, consumers, batch);
        }
        catch
        {
            _workers = 0;
            throw;
        }
    }

    private sealed class Worker(IChannel publisher, Consumer[] consumers, int batch) : IWorker
    {
        private static readonly BasicProperties Persistent = new() { DeliveryMode = DeliveryModes.Persistent };
        private static readonly byte[] Data = Encoding.ASCII.GetBytes(Payload.Text);

        private readonly Task[] _published = new Task[batch];

        public async ValueTask PublishAsync()
        {
            try
            {
                for (var i = 0; i < batch; i++)
                {
                    _published[i] = publisher.BasicPublishAsync(Exchange, "", mandatory: false, Persistent, Data).AsTask();
                }

                await Task.WhenAll(_published);
            }
            catch (RabbitMQClientException e)
            {
                throw new BrokerException(e.Message);
            }
        }

        public ValueTask TakeAsync(int subscription) => consumers[subscription].TakeAsync(batch);

        public async ValueTask DisposeAsync()
        {
            await publisher.DisposeAsync();
            foreach (var consumer in consumers)
            {
                await consumer.Channel.DisposeAsync();
            }
        }
    }

    /// <summary>Pushed to: at most a batch that is not acknowledged.</summary>
    private sealed class Consumer(IChannel channel, int batch) : AsyncDefaultBasicConsumer(channel)
    {
        private readonly Channel<ulong> _pushed = System.Threading.Channels.Channel.CreateBounded<ulong>(batch);

        public static async Task<Consumer> BeginAsync(IChannel channel, string queue, int batch)
        {
            await channel.BasicQosAsync(0, (ushort)batch, global: false);
            var consumer = new Consumer(channel, batch);
            await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
            return consumer;
        }

        public override async Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey, IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
            => await _pushed.Writer.WriteAsync(deliveryTag, cancellationToken);

        public async ValueTask TakeAsync(int count)
        {
            ulong last = 0;
            for (var i = 0; i < count; i++)
            {
                last = await _pushed.Reader.ReadAsync();
            }

            await Channel.BasicAckAsync(last, multiple: true);
        }
    }
}
