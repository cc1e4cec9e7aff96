'use strict';

const crypto = require('node:crypto');
const { constants } = require('node:http2');
const { Duplex } = require('node:stream');

/** RFC 6455 §4.2.2: what a server answers to a key. */
function acceptOf(key) {
  return crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Status and fields of a head; names in lower case, a field of several lines is a list. */
function parseHead(bytes) {
  const [first, ...lines] = bytes.toString('latin1').trimEnd().split('\r\n');
  const fields = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields[name] = name in fields ? [].concat(fields[name], value) : value;
  }

  return { first, status: Number(first.split(' ')[1]), fields };
}

/**
 * A connection of HTTP/1.1 to whoever uses it, on one stream of HTTP/2 (RFC 8441): the head that is written becomes an extended
 * CONNECT, its answer a head of HTTP/1.1, and what follows are DATA frames. A half that ends is END_STREAM, a destroyed tunnel is RST_STREAM.
 */
class Http2Tunnel extends Duplex {
  constructor(session) {
    super({ allowHalfOpen: true });
    this.session = session;
    this.head = Buffer.alloc(0);
  }

  _write(chunk, _, done) {
    if (this.stream) {
      this.stream.write(chunk, done);
      return;
    }

    this.head = Buffer.concat([this.head, chunk]);
    const end = this.head.indexOf('\r\n\r\n');
    if (end < 0) {
      done();
      return;
    }

    this.connect(parseHead(this.head.subarray(0, end)));
    const rest = this.head.subarray(end + 4);
    if (rest.length > 0) {
      this.stream.write(rest, done);
    } else {
      done();
    }
  }

  _final(done) {
    this.stream.end(done);
  }

  _read() {
    this.stream?.resume();
  }

  _destroy(error, done) {
    if (error || !this.readableEnded || !this.writableFinished) {
      this.stream?.close(constants.NGHTTP2_CANCEL); // not after a plain end of both halves: the last frame may still be on its way
    }

    done(error);
  }

  connect({ first, fields }) {
    const { host, connection, upgrade, 'sec-websocket-key': key, ...others } = fields;
    this.stream = this.session.request(
      { ':method': 'CONNECT', ':protocol': upgrade, ':scheme': this.session.encrypted ? 'https' : 'http', ':authority': host, ':path': first.split(' ')[1], ...others },
      { endStream: false });
    this.stream.on('response', (answer) => this.push(answerHead(answer, key)));
    this.stream.on('data', (chunk) => {
      if (!this.push(chunk)) {
        this.stream.pause();
      }
    });
    this.stream.on('error', (error) => this.destroy(error));
    this.stream.on('aborted', () => this.destroy(new Error('The stream was reset')));
    this.stream.on('end', () => {
      if (!this.stream.aborted && !this.stream.rstCode) {
        this.push(null);
      }
    });
    this.stream.on('close', () => {
      if (this.stream.rstCode !== constants.NGHTTP2_NO_ERROR) {
        this.destroy(new Error(`The stream was reset with ${this.stream.rstCode}`));
      }
    });
  }
}

function answerHead(answer, key) {
  const lines = answer[':status'] === 200
    ? ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${acceptOf(key)}`]
    : [`HTTP/1.1 ${answer[':status']} Refused`, 'Connection: close'];
  for (const [name, values] of Object.entries(answer)) {
    if (!name.startsWith(':')) {
      lines.push(...[].concat(values).map((value) => `${name}: ${value}`));
    }
  }

  return `${lines.join('\r\n')}\r\n\r\n`;
}

module.exports = { Http2Tunnel, acceptOf, parseHead };
