'use strict';

// Frames of RFC 6455 §5.2, right or wrong as asked, and bytes that look random and are the same in every run.

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/**
 * One frame. `length` may lie, and `form` (7, 16 or 64 bits) may be longer than the length needs.
 *   byte 0: FIN RSV1 RSV2 RSV3 opcode(4)    byte 1: MASK length(7)    then the rest of the length, the mask, the payload
 */
function frame({ opcode = opcodes.text, payload = '', fin = true, rsv = 0, mask = true, length, form }) {
  const body = Buffer.from(payload);
  length ??= body.length;
  form ??= length < 126 ? 7 : length < 65536 ? 16 : 64;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  head.push((mask ? 0x80 : 0) | (form === 7 ? length : form === 16 ? 126 : 127));
  for (let shift = form - 8; form > 7 && shift >= 0; shift -= 8) {
    head.push(Math.floor(length / 2 ** shift) % 256);
  }

  if (!mask) {
    return Buffer.concat([Buffer.from(head), body]);
  }

  const key = [0x37, 0xfa, 0x21, 0x3d]; // the example of RFC 6455 §5.7
  return Buffer.concat([Buffer.from(head), Buffer.from(key), body.map((byte, i) => byte ^ key[i % 4])]);
}

/** A message in frames of these sizes, the last of which takes the rest. */
function fragments({ opcode = opcodes.text, payload, sizes, mask }) {
  const body = Buffer.from(payload);
  const frames = [];
  let at = 0;
  do {
    const size = sizes[frames.length % sizes.length];
    const end = at + size >= body.length;
    frames.push(frame({ opcode: frames.length === 0 ? opcode : opcodes.continuation, payload: body.subarray(at, at + size), fin: end, mask }));
    at += size;
  } while (at < body.length);
  return frames;
}

/** A close frame's payload: the code, then the reason. */
function closing(code, reason = '') {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

/** The generator is xorshift32. */
function noise(count, seed = 2463534242) {
  const bytes = Buffer.allocUnsafe(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 255;
  }

  return bytes;
}

/** So many bytes of UTF-8, of one to four bytes a character as far as they go. */
function text(bytes) {
  const piece = 'a\u00e9\u20ac\u{1f600}'; // 10 bytes
  return piece.repeat(Math.floor(bytes / 10)) + 'x'.repeat(bytes % 10);
}

module.exports = { opcodes, frame, fragments, closing, noise, text };
