'use strict';

// Pings and pongs.

const assert = require('node:assert');
const { noise } = require('./frames.js');

const casesOf = (peers, from, to) => {
  const withEnds = (run) => async () => {
    const ends = await peers.sockets();
    await run(ends[from], ends[to]);
    ends.client.terminate();
  };
  return [
    ...[0, 1, 2, 64, 124, 125].map((size) => [`a ping of ${size} bytes brings a pong with the same`, withEnds(async (one, other) => {
      one.ping(noise(size));
      assert.ok((await other.next('ping')).equals(noise(size)));
      assert.ok((await one.next('pong')).equals(noise(size)));
    })]),
    ['50 pings in a row bring 50 pongs in order', withEnds(async (one) => { // of more than 60 at a time ws forgets some
      for (let i = 0; i < 50; i++) {
        one.ping(String(i));
      }

      for (let i = 0; i < 50; i++) {
        assert.strictEqual((await one.next('pong')).toString(), String(i));
      }
    })],
    ['a pong that nobody asked for arrives and changes nothing', withEnds(async (one, other) => {
      one.pong(noise(125));
      one.send('after');
      assert.ok((await other.next('pong')).equals(noise(125)));
      assert.strictEqual((await other.next('message')).data.toString(), 'after');
      other.send('back');
      assert.strictEqual((await one.next('message')).data.toString(), 'back');
    })],
    ['a ping within the fragments of a message', withEnds(async (one, other) => {
      one.send('one ', { fin: false });
      one.ping('now');
      one.send('two ', { fin: false });
      one.send('three', { fin: true });
      assert.strictEqual((await other.next('ping')).toString(), 'now');
      assert.strictEqual((await other.next('message')).data.toString(), 'one two three');
      assert.strictEqual((await one.next('pong')).toString(), 'now');
    })],
    ['pings beside a large message', withEnds(async (one, other) => {
      other.send(noise(4 << 20));
      for (let i = 0; i < 50; i++) {
        one.ping(String(i));
        await one.next('pong');
      }

      assert.ok((await one.next('message')).data.equals(noise(4 << 20)));
    })],
  ].map(([name, run]) => [`${name}, from the ${from}`, run]);
};

module.exports = (peers) => [...casesOf(peers, 'client', 'endpoint'), ...casesOf(peers, 'endpoint', 'client')];
