'use strict';

// The closing handshake (RFC 6455 §7): whatever code and reason, both ends see the same; a wrong one is the business of who reads it.

const assert = require('node:assert');
const { closing, frame, noise, opcodes } = require('./frames.js');
const { gone, takeClose } = require('./peers.js');

const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const wrongCodes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];
const reasons = { 'of 1 byte': 'a', 'of 123 bytes': 'a'.repeat(123), 'in UTF-8': '\u00e9\u20ac\u{1f600}' };

const casesOf = (peers, from, to) => {
  const closes = (...saying) => async () => {
    const ends = await peers.sockets();
    ends[from].close(...saying);
    const [code = 1005, reason = ''] = saying;
    assert.deepStrictEqual(await ends[to].next('close'), { code, reason });
    assert.deepStrictEqual(await ends[from].next('close'), { code, reason });
  };
  const answersWith = (answer, ...frames) => async () => {
    const { raw, speaker, mask } = await peers.mixed(from);
    for (const one of frames) {
      raw.write(frame({ mask, ...one }));
    }

    assert.strictEqual(await takeClose(raw), answer);
    raw.end();
    await speaker.next('close');
  };
  return [
    ...codes.map((code) => [`code ${code}`, closes(code, '')]),
    ...Object.entries(reasons).map(([name, reason]) => [`a reason ${name}`, closes(4000, reason)]),
    ['no code', closes()],
    ...wrongCodes.map((code) => [`code ${code}, which none may send, is refused by its reader`, answersWith(1002, { opcode: opcodes.close, payload: closing(code) })]),
    ['half a code is refused by its reader', answersWith(1002, { opcode: opcodes.close, payload: 'a' })],
    ['a reason that is no UTF-8 is refused by its reader', answersWith(1007, { opcode: opcodes.close, payload: closing(1000, Buffer.from([0xce, 0xba, 0xe1])) })],
    ['a message right before the close arrives', async () => {
      const ends = await peers.sockets();
      ends[from].send(noise(300_000));
      ends[from].close(1000);
      assert.ok((await ends[to].next('message')).data.equals(noise(300_000)));
      assert.strictEqual((await ends[to].next('close')).code, 1000);
    }],
    ['a message in flight the other way arrives before the close is answered', async () => {
      const ends = await peers.sockets();
      ends[to].send(noise(2 << 20));
      ends[from].close(1000);
      assert.ok((await ends[from].next('message')).data.equals(noise(2 << 20)));
      assert.strictEqual((await ends[from].next('close')).code, 1000);
    }],
    ['what follows the close is left unread, and disturbs nobody', async () => {
      const { raw, speaker, mask } = await peers.mixed(from);
      raw.write(Buffer.concat([frame({ opcode: opcodes.close, payload: closing(1000), mask }), frame({ payload: 'late', mask })]));
      assert.strictEqual(await takeClose(raw), 1000);
      raw.end();
      assert.strictEqual((await speaker.next('close')).code, 1000);
      assert.strictEqual(speaker.count('message'), 0);
      await gone(raw);
    }],
  ].map(([name, run]) => [`${name}, from the ${from}`, run]);
};

module.exports = (peers) => [
  ...casesOf(peers, 'client', 'endpoint'),
  ...casesOf(peers, 'endpoint', 'client'),
  ['both ends close at the same time', async () => {
    const { client, endpoint } = await peers.sockets();
    client.close(4001);
    endpoint.close(4002);
    assert.strictEqual((await client.next('close')).code, 4002);
    assert.strictEqual((await endpoint.next('close')).code, 4001);
  }],
];
