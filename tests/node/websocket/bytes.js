'use strict';

// A tunnel knows no frames: whatever one end writes is what the other reads, be it wrong as WebSocket. What is wrong, the reader says.

const assert = require('node:assert');
const { closing, frame, noise, opcodes } = require('./frames.js');
const { take, takeClose } = require('./peers.js');

const anything = {
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((rsv) => [`reserved bits ${rsv.toString(2).padStart(3, '0')}`, ({ mask }) => frame({ rsv, payload: 'a', mask })])),
  ...Object.fromEntries([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`reserved opcode ${opcode}`, ({ mask }) => frame({ opcode, payload: 'a', mask })])),
  'a frame masked by the wrong side': ({ mask }) => frame({ payload: 'a', mask: !mask }),
  'a fragmented ping': ({ mask }) => frame({ opcode: opcodes.ping, fin: false, payload: 'a', mask }),
  'a ping of 126 bytes': ({ mask }) => frame({ opcode: opcodes.ping, payload: 'a'.repeat(126), mask }),
  'a continuation of nothing': ({ mask }) => frame({ opcode: opcodes.continuation, payload: 'a', mask }),
  'a message within a message': ({ mask }) => Buffer.concat([frame({ fin: false, payload: 'a', mask }), frame({ payload: 'b', mask })]),
  'a length in more bytes than it needs': ({ mask }) => frame({ payload: 'a', form: 64, mask }),
  'a length of 2^63 bytes': ({ mask }) => frame({ length: 2 ** 63, mask }),
  'text that is no UTF-8': ({ mask }) => frame({ payload: Buffer.from([0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed, 0xa0, 0x80]), mask }),
  'a close code that none may send': ({ mask }) => frame({ opcode: opcodes.close, payload: closing(1005), mask }),
  'the head of an answer': () => Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
  'the head of a request': () => Buffer.from('GET /next HTTP/1.1\r\nHost: a\r\n\r\n'),
  'the last chunk of a body': () => Buffer.from('0\r\n\r\n'),
  'the preface of HTTP/2': () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  'every byte there is': () => Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  'a mebibyte of noise': () => noise(1 << 20),
};

const refused = {
  'reserved bits': [1002, { rsv: 1, payload: 'a' }],
  'a reserved opcode': [1002, { opcode: 3, payload: 'a' }],
  'a reserved control opcode': [1002, { opcode: 11 }],
  'a fragmented ping': [1002, { opcode: opcodes.ping, fin: false }],
  'a ping of 126 bytes': [1002, { opcode: opcodes.ping, payload: 'a'.repeat(126) }],
  'a continuation of nothing': [1002, { opcode: opcodes.continuation, payload: 'a' }],
  'a message within a message': [1002, { fin: false, payload: 'a' }, { payload: 'b' }],
  'text that is no UTF-8': [1007, { payload: Buffer.from([0xed, 0xa0, 0x80]) }],
  'text that ends within a character': [1007, { payload: Buffer.from([0xe2, 0x82]) }],
  'fragments that are no UTF-8 together': [1007, { payload: Buffer.from([0xe2]), fin: false }, { opcode: opcodes.continuation, payload: Buffer.from([0x28, 0xa1]) }],
  'a length of 2^53 bytes': [1009, { length: 2 ** 53 }],
  'more than the reader takes': [1009, { length: 2 ** 40 }],
};

async function passes(from, to, bytes) {
  from.write(bytes);
  assert.ok((await take(to, bytes.length)).equals(bytes), 'Other bytes arrived');
}

const casesOf = (peers, from, to) => [
  ...Object.entries(anything).map(([name, make]) => [`${name} passes as it is`, async () => {
    const ends = await peers.bytes();
    await passes(ends[from], ends[to], make({ mask: from === 'client' }));
    await passes(ends[to], ends[from], Buffer.from('and the other way'));
    ends.client.destroy();
  }]),
  ...Object.entries(refused).map(([name, [code, ...frames]]) => [`${name} is refused by the reader, whose word arrives`, async () => {
    const { raw, speaker, mask } = await peers.mixed(from);
    for (const one of frames) {
      raw.write(frame({ mask, ...one }));
    }

    assert.strictEqual(await takeClose(raw), code);
    raw.end();
    await speaker.next('close');
  }]),
].map(([name, run]) => [`${name}, from the ${from}`, run]);

module.exports = (peers) => [...casesOf(peers, 'client', 'endpoint'), ...casesOf(peers, 'endpoint', 'client')];
