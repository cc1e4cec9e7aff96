'use strict';

// Whole messages between two ends that speak WebSocket: every form of the length, both types, both directions.

const assert = require('node:assert');
const { noise, text } = require('./frames.js');

const sizes = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20, 16 << 20];

const texts = {
  'of NUL': '\0',
  'with a byte order mark': '\ufeffa',
  'of the last character of each length': '\u007f\u07ff\uffff\u{10ffff}',
  'that looks like HTTP': 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
};

/** An echo: the same to the endpoint and back. */
async function echo(peers, data, isBinary) {
  const { client, endpoint } = await peers.sockets();
  client.send(data);
  const arrived = await endpoint.next('message');
  assert.strictEqual(arrived.isBinary, isBinary);
  assert.ok(arrived.data.equals(Buffer.from(data)), 'The endpoint got something else');
  endpoint.send(arrived.data, { binary: isBinary });
  const answer = await client.next('message');
  assert.strictEqual(answer.isBinary, isBinary);
  assert.ok(answer.data.equals(arrived.data), 'The client got something else');
  client.terminate();
}

/** Sends so many in one go and takes them all, in order. */
async function pipeline(from, to, count) {
  for (let i = 0; i < count; i++) {
    from.send(`message ${i}`);
  }

  for (let i = 0; i < count; i++) {
    assert.strictEqual((await to.next('message')).data.toString(), `message ${i}`);
  }
}

module.exports = (peers) => [
  ...sizes.map((size) => [`text of ${size} bytes comes back`, () => echo(peers, text(size), false)]),
  ...sizes.map((size) => [`binary of ${size} bytes comes back`, () => echo(peers, noise(size), true)]),
  ...Object.entries(texts).map(([name, value]) => [`text ${name} comes back`, () => echo(peers, value, false)]),
  ['5000 small messages in one go arrive in order, each way', async () => {
    const { client, endpoint } = await peers.sockets();
    await pipeline(client, endpoint, 5000);
    await pipeline(endpoint, client, 5000);
    client.terminate();
  }],
  ['messages cross: both ends send 2000 at once', async () => {
    const { client, endpoint } = await peers.sockets();
    await Promise.all([pipeline(client, endpoint, 2000), pipeline(endpoint, client, 2000)]);
    client.terminate();
  }],
  ['an end that only listens gets all', async () => {
    const { client, endpoint } = await peers.sockets();
    for (let i = 0; i < 64; i++) {
      endpoint.send(noise(100_003, i + 1));
    }

    for (let i = 0; i < 64; i++) {
      assert.ok((await client.next('message')).data.equals(noise(100_003, i + 1)));
    }

    client.terminate();
  }],
];
