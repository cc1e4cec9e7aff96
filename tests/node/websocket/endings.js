'use strict';

// How a tunnel ends: a half at a time, by a reset, in silence.

const assert = require('node:assert');
const { frame, noise } = require('./frames.js');
const { answerHead, gone, guarded, requestHead, reset, take, takeAll, takeHead } = require('./peers.js');
const { Http2Tunnel } = require('./tunnel.js');

const casesOf = (peers, from, to) => [
  ['an end that ends its half still reads', async () => {
    const ends = await peers.bytes();
    ends[from].end('last words');
    assert.strictEqual((await takeAll(ends[to])).toString(), 'last words');
    for (let i = 0; i < 10; i++) {
      ends[to].write(noise(10_000, i + 1));
      assert.ok((await take(ends[from], 10_000)).equals(noise(10_000, i + 1)));
    }

    ends[to].end();
    assert.strictEqual((await takeAll(ends[from])).length, 0);
  }],
  ['a mebibyte right before the end of a half arrives whole', async () => {
    const ends = await peers.bytes();
    ends[from].end(noise(1 << 20));
    assert.ok((await takeAll(ends[to])).equals(noise(1 << 20)));
    ends[to].end(noise(1 << 20, 7));
    assert.ok((await takeAll(ends[from])).equals(noise(1 << 20, 7)));
  }],
  ['a reset ends the other side', async () => {
    const ends = await peers.bytes();
    reset(ends[from]);
    await gone(ends[to]);
  }],
  ['a reset within a frame ends the other side', async () => {
    const ends = await peers.bytes();
    ends[from].write(frame({ payload: 'a'.repeat(1000), mask: from === 'client' }).subarray(0, 500));
    await take(ends[to], 500);
    reset(ends[from]);
    await gone(ends[to]);
  }],
  ['a reset after the half of the other has ended is seen by nobody, and ends all', async () => {
    const ends = await peers.bytes();
    ends[to].end();
    await takeAll(ends[from]);
    reset(ends[from]);
    await gone(ends[to]);
  }],
  ['an abrupt end is no close frame: the other sees 1006', async () => {
    const ends = await peers.sockets();
    reset(ends.streams[from]);
    assert.strictEqual((await ends[to].next('close')).code, 1006);
  }],
  ['an end without a close frame is seen as 1006 too', async () => {
    const ends = await peers.sockets();
    ends.streams[from].end();
    assert.strictEqual((await ends[to].next('close')).code, 1006);
  }],
].map(([name, run]) => [`${name}, from the ${from}`, run]);

module.exports = (peers) => [
  ...casesOf(peers, 'client', 'endpoint'),
  ...casesOf(peers, 'endpoint', 'client'),
  ['both ends end their halves at the same time', async () => {
    const { client, endpoint } = await peers.bytes();
    client.end('a');
    endpoint.end('b');
    assert.deepStrictEqual([(await takeAll(client)).toString(), (await takeAll(endpoint)).toString()], ['b', 'a']);
  }],
  ['an endpoint that leaves right after the 101', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const client = await peers.dial();
    client.write(requestHead(path));
    const { request, socket } = await arrival;
    socket.end(answerHead(request));
    assert.strictEqual((await takeHead(client)).status, 101);
    assert.strictEqual((await takeAll(client)).length, 0);
    client.end();
  }],
  ['a silent tunnel ends when its time has passed', async () => {
    const { client, endpoint } = await peers.bytes({ path: peers.newPath('/idle/') });
    await Promise.all([gone(client), gone(endpoint)]);
  }],
  ['a half of a tunnel ends when its time has passed', async () => {
    const { client, endpoint } = await peers.bytes({ path: peers.newPath('/idle/') });
    client.end();
    await takeAll(endpoint);
    await gone(client); // whose other half nobody has ended
    await gone(endpoint);
  }],
  ...(peers.isHttp2
    ? [['a connection of HTTP/2 that is lost takes its tunnels with it', async () => {
        const session = await peers.session(true);
        const tunnels = [];
        for (let i = 0; i < 10; i++) {
          tunnels.push(await peers.bytes({ client: guarded(new Http2Tunnel(session)) }));
        }

        session.destroy();
        await Promise.all(tunnels.map(({ endpoint }) => gone(endpoint)));
      }],
      ['a reset of a stream leaves the others of its connection alone', async () => {
        const one = await peers.bytes();
        const other = await peers.bytes();
        assert.strictEqual(one.client.session, other.client.session);
        reset(one.client);
        await gone(one.endpoint);
        other.client.write('still here');
        assert.strictEqual((await take(other.endpoint, 10)).toString(), 'still here');
        other.client.destroy();
      }]]
    : []),
  ['a reset of the client while the endpoint sends', async () => {
    const { client, endpoint } = await peers.bytes();
    const flood = () => {
      while (endpoint.writable && endpoint.write(noise(65536))) {
        // until it is full
      }
    };
    endpoint.on('drain', flood);
    flood();
    await take(client, 1 << 20);
    reset(client);
    await gone(endpoint);
  }],
];
