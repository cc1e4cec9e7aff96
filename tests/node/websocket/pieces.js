'use strict';

// Messages in fragments, and bytes in pieces that no frame respects: written by hand at one end, read by WebSocket at the other.

const assert = require('node:assert');
const { setImmediate: turn } = require('node:timers/promises');
const { fragments, frame, noise, opcodes, text } = require('./frames.js');

const sizesOfFragments = [[1], [3], [7, 0, 1], [0, 5], [127], [4093], [1, 65536], [100_000]];

/** Each write is a packet of its own, as far as the system lets it be. */
async function inPieces(stream, bytes, size) {
  for (let at = 0; at < bytes.length; at += size) {
    stream.write(bytes.subarray(at, at + size));
    await turn();
  }
}

async function arrives(speaker, expected) {
  const { data } = await speaker.next('message');
  assert.ok(data.equals(Buffer.from(expected)), `Something else arrived: ${data.length} bytes`);
}

const casesOf = (peers, side) => {
  const withEnds = (run) => async () => {
    const ends = await peers.mixed(side);
    await run(ends);
    ends.speaker.terminate();
  };
  return [
    ...sizesOfFragments.map((sizes) => [`fragments of ${sizes} bytes`, withEnds(async ({ raw, speaker, mask }) => {
      const payload = text(Math.max(...sizes) < 127 ? 500 : 250_001);
      raw.write(Buffer.concat(fragments({ payload, sizes, mask })));
      await arrives(speaker, payload);
    })]),
    ['fragments, each in a packet of its own', withEnds(async ({ raw, speaker, mask }) => {
      const payload = noise(997);
      for (const one of fragments({ opcode: opcodes.binary, payload, sizes: [13], mask })) {
        await inPieces(raw, one, one.length);
      }

      await arrives(speaker, payload);
    })],
    ['pings and pongs between fragments', withEnds(async ({ raw, speaker, mask }) => {
      const payload = text(700);
      for (const [i, one] of fragments({ payload, sizes: [100], mask }).entries()) {
        raw.write(i === 0 ? '' : frame({ opcode: i % 2 === 0 ? opcodes.ping : opcodes.pong, payload: `before ${i}`, mask }));
        raw.write(one);
      }

      await arrives(speaker, payload);
      assert.deepStrictEqual([speaker.count('ping'), speaker.count('pong')], [3, 3]);
    })],
    ['an empty first fragment and an empty last one', withEnds(async ({ raw, speaker, mask }) => {
      raw.write(frame({ payload: '', fin: false, mask }));
      raw.write(frame({ opcode: opcodes.continuation, payload: 'all of it', fin: false, mask }));
      raw.write(frame({ opcode: opcodes.continuation, payload: '', mask }));
      await arrives(speaker, 'all of it');
    })],
    ['a character that is cut by a fragment', withEnds(async ({ raw, speaker, mask }) => {
      raw.write(Buffer.concat(fragments({ payload: '\u{1f600}'.repeat(10), sizes: [1], mask })));
      await arrives(speaker, '\u{1f600}'.repeat(10));
    })],
    ...[0, 1, 125, 126, 1000].map((size) => [`a frame of ${size} bytes written byte by byte`, withEnds(async ({ raw, speaker, mask }) => {
      await inPieces(raw, frame({ payload: text(size), mask }), 1);
      await arrives(speaker, text(size));
    })]),
    ...[2, 3, 5, 997].map((size) => [`20 frames in pieces of ${size} bytes`, withEnds(async ({ raw, speaker, mask }) => {
      const payloads = Array.from({ length: 20 }, (_, i) => text(i * 17));
      await inPieces(raw, Buffer.concat(payloads.map((payload) => frame({ payload, mask }))), size);
      for (const payload of payloads) {
        await arrives(speaker, payload);
      }
    })]),
    ['65536 bytes in pieces of 1460, a packet of Ethernet', withEnds(async ({ raw, speaker, mask }) => {
      await inPieces(raw, frame({ payload: text(65536), mask }), 1460);
      await arrives(speaker, text(65536));
    })],
    ['the head of a long frame cut at each of its bytes', withEnds(async ({ raw, speaker, mask }) => {
      const one = frame({ payload: text(65536), mask });
      for (let cut = 1; cut < 15; cut++) {
        raw.write(one.subarray(0, cut));
        await turn();
        raw.write(one.subarray(cut));
        await arrives(speaker, text(65536));
      }
    })],
  ].map(([name, run]) => [`${name}, from the ${side}`, run]);
};

module.exports = (peers) => ['client', 'endpoint'].flatMap((side) => casesOf(peers, side));
