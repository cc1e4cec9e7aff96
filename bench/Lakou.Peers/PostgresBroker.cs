using System.Text;
using Lakou.Load.Brokers;
using Npgsql;
using NpgsqlTypes;

namespace Lakou.Peers;

/// <summary>
/// A queue as one makes it of tables: events, and for each subscription a row of each that is not acknowledged. A worker leases rows that nobody holds
/// (SKIP LOCKED) for 30 s and deletes them when it is done. Every statement is a transaction of its own, so that nothing is held open while a worker works.
/// </summary>
internal sealed class PostgresBroker(string address) : IBroker
{
    // What a worker waits when there is nothing: others' events are on their way.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private readonly string _connection = $"Host={address.Split(':')[0]};Port={address.Split(':')[1]};Username=postgres;Database=postgres;Pooling=false;Command Timeout=60;SSL Mode=Disable";

    public async Task ResetAsync(int subscriptions)
    {
        await using var connection = new NpgsqlConnection(_connection);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            DROP TABLE IF EXISTS deliveries, events;
            CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data bytea NOT NULL);
            CREATE TABLE deliveries (subscription int NOT NULL, event bigint NOT NULL, due timestamptz NOT NULL DEFAULT '-infinity', PRIMARY KEY (subscription, event));
            CHECKPOINT
            """,
            connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<IWorker> OpenAsync(int batch, int subscriptions, bool isTaker)
    {
        var connection = new NpgsqlConnection(_connection);
        try
        {
            await connection.OpenAsync();
            return await Worker.PrepareAsync(connection, batch, subscriptions);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private sealed class Worker : IWorker
    {
        private readonly NpgsqlConnection _connection;
        private readonly int _batch;
        private readonly NpgsqlCommand _publish;
        private readonly NpgsqlCommand _lease;
        private readonly NpgsqlCommand _acknowledge;
        private readonly List<long> _leased = [];

        private Worker(NpgsqlConnection connection, int batch, int subscriptions)
        {
            (_connection, _batch) = (connection, batch);
            const string Insert = "INSERT INTO events (data) SELECT unnest($1)";
            _publish = new(
                subscriptions == 0 ? Insert
                    : $"WITH added AS ({Insert} RETURNING id) INSERT INTO deliveries (subscription, event) SELECT s, id FROM added, generate_series(0, {subscriptions - 1}) s",
                connection);
            var data = Encoding.ASCII.GetBytes(Payload.Text);
            _publish.Parameters.Add(new() { Value = Enumerable.Repeat(data, batch).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
            _lease = new(
                """
                WITH taken AS (SELECT event FROM deliveries WHERE subscription = $1 AND due < now() ORDER BY event LIMIT $2 FOR UPDATE SKIP LOCKED),
                     leased AS (UPDATE deliveries d SET due = now() + interval '30 s' FROM taken WHERE d.subscription = $1 AND d.event = taken.event RETURNING d.event)
                SELECT id, data FROM leased JOIN events ON id = event
                """,
                connection);
            _lease.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer });
            _lease.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer });
            _acknowledge = new("DELETE FROM deliveries WHERE subscription = $1 AND event = ANY($2)", connection);
            _acknowledge.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer });
            _acknowledge.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        }

        public static async Task<Worker> PrepareAsync(NpgsqlConnection connection, int batch, int subscriptions)
        {
            var worker = new Worker(connection, batch, subscriptions);
            await worker._publish.PrepareAsync();
            await worker._lease.PrepareAsync();
            await worker._acknowledge.PrepareAsync();
            return worker;
        }

        public async ValueTask PublishAsync() => await AskAsync(_publish);

        public async ValueTask TakeAsync(int subscription)
        {
            for (var left = _batch; left > 0; left -= _leased.Count)
            {
                await LeaseAsync(subscription, left);
                if (_leased.Count == 0)
                {
                    await Task.Delay(Pause, TimeProvider.System);
                    continue;
                }

                _acknowledge.Parameters[0].Value = subscription;
                _acknowledge.Parameters[1].Value = _leased;
                await AskAsync(_acknowledge);
            }
        }

        public ValueTask DisposeAsync() => _connection.DisposeAsync();

        private async Task LeaseAsync(int subscription, int most)
        {
            _leased.Clear();
            _lease.Parameters[0].Value = subscription;
            _lease.Parameters[1].Value = most;
            try
            {
                await using var rows = await _lease.ExecuteReaderAsync();
                while (await rows.ReadAsync())
                {
                    _leased.Add(rows.GetInt64(0));
                }
            }
            catch (NpgsqlException e)
            {
                throw new BrokerException(e.Message);
            }
        }

        private static async Task AskAsync(NpgsqlCommand command)
        {
            try
            {
                await command.ExecuteNonQueryAsync();
            }
            catch (NpgsqlException e)
            {
                throw new BrokerException(e.Message);
            }
        }
    }
}
