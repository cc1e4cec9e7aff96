'use strict';

// Many tunnels, and one that does not read.

const assert = require('node:assert');
const { setTimeout: pause } = require('node:timers/promises');
const { noise } = require('./frames.js');
const { gone, reset, take } = require('./peers.js');

const all = 48 << 20;
const piece = 65536;

// Two connections at most lie between the ends, each with 4 MiB to send and 6 MiB to receive, as far as Linux lets them grow; all of it twice.
const most = 40 << 20;

/** Writes what is there to be taken, and no more: how many bytes left the writer before nothing moved for a while. */
async function flood(stream) {
  let written = 0;
  let taken = 0;
  const writing = (async () => {
    while (written < all) {
      written += piece;
      await new Promise((resolve) => stream.write(noise(piece, written), () => resolve((taken += piece))));
    }
  })();
  for (let before = -1, still = 0; still < 3 && taken < all; before = taken) {
    await pause(100);
    still = taken === before ? still + 1 : 0;
  }

  return { taken, writing };
}

const stalls = (peers, from, to) => [`an end that does not read holds up the one that writes, not the other way, from the ${from}`, async () => {
  const ends = await peers.bytes();
  const { taken, writing } = await flood(ends[from]);
  assert.ok(taken < most, `${taken} bytes were taken that nobody read`);
  for (let i = 1; i <= 64; i++) {
    ends[to].write(noise(piece, i));
    assert.ok((await take(ends[from], piece)).equals(noise(piece, i)));
  }

  // What was held up arrives, all of it.
  for (let at = piece; at <= all; at += piece) {
    assert.ok((await take(ends[to], piece)).equals(noise(piece, at)), `Other bytes at ${at}`);
  }

  await writing;
  ends.client.destroy();
}];

/** A handshake of TLS costs both ends a millisecond and more. */
const count = (peers) => (peers.kind.endsWith('tls') ? 150 : 500);

module.exports = (peers) => [
  stalls(peers, 'client', 'endpoint'),
  stalls(peers, 'endpoint', 'client'),
  [`${count(peers)} tunnels at a time, ten messages each way on each`, async () => {
    const tunnels = await Promise.all(Array.from({ length: count(peers) }, () => peers.sockets()));
    await Promise.all(tunnels.map(async ({ client, endpoint }, i) => {
      for (let round = 0; round < 10; round++) {
        client.send(`${i} asks ${round}`);
        assert.strictEqual((await endpoint.next('message')).data.toString(), `${i} asks ${round}`);
        endpoint.send(`${i} is told ${round}`);
        assert.strictEqual((await client.next('message')).data.toString(), `${i} is told ${round}`);
      }
    }));
    tunnels.forEach(({ client }, i) => (i % 2 === 0 ? client.close(1000) : client.terminate()));
    await Promise.all(tunnels.map(({ endpoint }) => endpoint.next('close')));
  }],
  ['200 tunnels that are reset at once', async () => {
    const tunnels = await Promise.all(Array.from({ length: 200 }, () => peers.bytes()));
    tunnels.forEach(({ client }) => reset(client));
    await Promise.all(tunnels.map(({ endpoint }) => gone(endpoint)));
  }],
  ['100 tunnels one after another', async () => {
    for (let i = 0; i < 100; i++) {
      const { client, endpoint } = await peers.bytes();
      client.end('a');
      assert.strictEqual((await take(endpoint, 1)).toString(), 'a');
      endpoint.end('b');
      assert.strictEqual((await take(client, 1)).toString(), 'b');
    }
  }],
];
