'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const tls = require('node:tls');
const { WebSocket, WebSocketServer } = require('ws');
const { Http2Tunnel, acceptOf, parseHead } = require('./tunnel.js');

const key = 'dGhlIHNhbXBsZSBub25jZQ=='; // the example of RFC 6455 §1.3

// Below the hundred streams that a connection of HTTP/2 may have at a time.
const streamsOfSession = 50;

/** Both ends of every connection: an endpoint behind the gateway, and clients before it. A case has its own path, by which its ends find each other. */
class Peers {
  constructor() {
    this.waiting = new Map();
    this.cases = 0;
    this.sessions = [];
    this.server = http.createServer((request, response) => this.onRequest(request, response));
    this.server.on('upgrade', (request, socket, head) => this.onUpgrade(request, socket, head));
  }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this.server.address().port;
  }

  /** Clients go there. `kind` is http1, tls, http2 or http2-tls. */
  use(kind, port) {
    this.kind = kind;
    this.port = port;
    this.isHttp2 = kind.startsWith('http2');
  }

  newPath(prefix = '/case/') {
    return `${prefix}${++this.cases}`;
  }

  /** The endpoint's end of the next upgrade of this path. */
  arrival(path) {
    return new Promise((resolve) => this.waiting.set(path, resolve));
  }

  /** A connection to the gateway on which a head of HTTP/1.1 may be written. */
  async dial() {
    const options = { host: '127.0.0.1', port: this.port, allowHalfOpen: true, rejectUnauthorized: false, servername: 'localhost' };
    switch (this.kind) {
      case 'http1': {
        const socket = guarded(net.connect(options));
        await once(socket, 'connect');
        socket.setNoDelay(true);
        return socket;
      }

      case 'tls': {
        // The connection below is kept: a reset is its business.
        const below = guarded(net.connect(options));
        await once(below, 'connect');
        below.setNoDelay(true);
        const socket = guarded(tls.connect({ ...options, socket: below, ALPNProtocols: ['http/1.1'] }));
        socket.below = below;
        await once(socket, 'secureConnect');
        return socket;
      }

      default:
        return guarded(new Http2Tunnel(await this.session()));
    }
  }

  /** One with room for another stream, or a new one of its own. */
  async session(isOwn = false, options = {}) {
    let session = isOwn ? undefined : this.sessions.find((one) => !one.destroyed && one.used < streamsOfSession);
    if (!session) {
      const isTls = this.kind === 'http2-tls';
      session = http2.connect(`${isTls ? 'https' : 'http'}://localhost:${this.port}`, {
        ...options,
        createConnection: () => isTls
          ? tls.connect({ host: '127.0.0.1', port: this.port, rejectUnauthorized: false, servername: 'localhost', ALPNProtocols: ['h2'] })
          : net.connect(this.port, '127.0.0.1'),
      });
      session.on('error', () => {});
      session.used = isOwn ? streamsOfSession : 0;
      session.ready = once(session, 'remoteSettings');
      this.sessions.push(session);
    }

    session.used++;
    await session.ready;
    return session;
  }

  /** Bytes both ways, nobody speaks WebSocket: the client's end and the endpoint's, after the handshake. */
  async bytes({ path = this.newPath(), eager = '', early = '', client } = {}) {
    const arrival = this.arrival(path);
    client ??= await this.dial();
    client.write(Buffer.concat([Buffer.from(requestHead(path)), Buffer.from(eager)]));
    const { request, socket, head } = await arrival;
    socket.unshift(head);
    socket.write(Buffer.concat([Buffer.from(answerHead(request)), Buffer.from(early)]));
    const answer = await takeHead(client);
    return { client, endpoint: socket, answer, request };
  }

  /** Both ends speak WebSocket. */
  async sockets({ protocols, offer = false, accept = false, choose, headers, path = this.newPath() } = {}) {
    const arrival = this.arrival(path);
    const stream = await this.dial();
    const client = listening(new WebSocket(`ws://localhost${path}`, protocols, { createConnection: () => stream, perMessageDeflate: offer, headers }));
    const { request, socket, head } = await arrival;
    const server = new WebSocketServer({ noServer: true, perMessageDeflate: accept, ...(choose && { handleProtocols: choose }) });
    const [endpoint, [answer]] = await Promise.all([
      new Promise((resolve) => server.handleUpgrade(request, socket, head, (one) => resolve(listening(one)))),
      once(client, 'upgrade'),
      once(client, 'open'),
    ]);
    return { client, endpoint, request, answer, streams: { client: stream, endpoint: socket } };
  }

  /** One end speaks WebSocket, the other bytes: `side` names the end of the bytes, whose frames are masked if it is the client's. */
  async mixed(side) {
    const path = this.newPath();
    const arrival = this.arrival(path);
    const stream = await this.dial();
    if (side === 'client') {
      stream.write(requestHead(path));
      const { request, socket, head } = await arrival;
      const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
      const speaker = await new Promise((resolve) => server.handleUpgrade(request, socket, head, (one) => resolve(listening(one))));
      await takeHead(stream);
      return { raw: stream, speaker, mask: true };
    }

    const speaker = listening(new WebSocket(`ws://localhost${path}`, { createConnection: () => stream, perMessageDeflate: false }));
    const { request, socket, head } = await arrival;
    socket.unshift(head);
    socket.write(answerHead(request));
    await once(speaker, 'open');
    return { raw: socket, speaker, mask: false };
  }

  /** A request that the endpoint answers itself: with what it got. */
  onRequest(request, response) {
    const resolve = this.waiting.get(request.url);
    if (resolve) {
      this.waiting.delete(request.url);
      resolve({ request, response });
      return;
    }

    const body = JSON.stringify(request.headers);
    response.writeHead(426, { 'Content-Type': 'application/json', 'Content-Length': body.length, 'Upgrade': 'websocket' });
    response.end(body);
  }

  onUpgrade(request, socket, head) {
    guarded(socket).setNoDelay(true);
    const resolve = this.waiting.get(request.url);
    this.waiting.delete(request.url);
    resolve({ request, socket, head });
  }

  close() {
    this.sessions.forEach((session) => session.destroy());
    this.server.close();
    this.server.closeAllConnections();
  }
}

function requestHead(path, fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`) {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
}

function answerHead(request) {
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(request.headers['sec-websocket-key'])}\r\n\r\n`;
}

/** An error is told by what a case waits for; without a listener it would end the process. */
function guarded(stream) {
  stream.on('error', (error) => {
    stream.failure = error;
  });
  return stream;
}

/** Keeps what comes, so that a case may ask for it later: messages, pings, pongs, and how it ended. */
function listening(socket) {
  socket.binaryType = 'nodebuffer';
  const got = { message: [], ping: [], pong: [], close: [] };
  const asked = { message: [], ping: [], pong: [], close: [] };
  const give = (kind, value) => (asked[kind].length > 0 ? asked[kind].shift()(value) : got[kind].push(value));
  socket.on('message', (data, isBinary) => give('message', { data, isBinary }));
  socket.on('ping', (data) => give('ping', data));
  socket.on('pong', (data) => give('pong', data));
  socket.on('close', (code, reason) => give('close', { code, reason: reason.toString() }));
  socket.on('error', () => {});
  socket.next = (kind) => (got[kind].length > 0 ? Promise.resolve(got[kind].shift()) : new Promise((resolve) => asked[kind].push(resolve)));
  socket.count = (kind) => got[kind].length;
  return socket;
}

/** Exactly so many bytes; what is more stays for the next. */
async function take(stream, count) {
  const chunks = [];
  let length = 0;
  while (length < count) {
    const chunk = stream.read();
    if (chunk) {
      chunks.push(chunk);
      length += chunk.length;
    } else if (stream.readableEnded || stream.destroyed) {
      throw new Error(`The stream ended after ${length} of ${count} bytes`);
    } else {
      await change(stream, ['readable', 'end', 'close']);
    }
  }

  const bytes = Buffer.concat(chunks);
  if (length > count) {
    stream.unshift(bytes.subarray(count));
  }

  return bytes.subarray(0, count);
}

/** A head, to its empty line. */
async function takeHead(stream) {
  const bytes = [];
  while (!Buffer.from(bytes.slice(-4)).equals(Buffer.from('\r\n\r\n'))) {
    bytes.push((await take(stream, 1))[0]);
  }

  return parseHead(Buffer.from(bytes));
}

/** The code of the close frame that comes next, masked or not. */
async function takeClose(stream) {
  const [first, second] = await take(stream, 2);
  assert.strictEqual(first, 0x88, 'Something else than a close frame came');
  const isMasked = second >= 0x80;
  const body = await take(stream, (second & 0x7f) + (isMasked ? 4 : 0));
  return isMasked ? body.readUInt16BE(0) ^ body.readUInt16BE(4) : body.readUInt16BE(0);
}

/** Everything to the clean end of a stream. */
async function takeAll(stream) {
  const chunks = [];
  while (!stream.readableEnded) {
    const bytes = stream.read();
    if (bytes) {
      chunks.push(bytes);
    } else if (stream.destroyed) {
      throw new Error(`The stream broke after ${Buffer.concat(chunks).length} bytes`);
    } else {
      await change(stream, ['readable', 'end', 'close']);
    }
  }

  return Buffer.concat(chunks);
}

/** Waits until a stream is gone, however it went. Node.js sees no reset after an end, so an end is answered with an end. */
async function gone(stream) {
  const end = () => stream.end();
  if (stream.readableEnded) {
    end();
  } else {
    stream.once('end', end);
  }

  stream.resume();
  if (!stream.closed) {
    await new Promise((resolve) => stream.once('close', resolve));
  }
}

/** Breaks a connection without a word: a reset of TCP, or of a stream of HTTP/2. */
function reset(stream) {
  if (stream instanceof Http2Tunnel) {
    stream.destroy();
  } else {
    (stream.below ?? stream).resetAndDestroy();
  }
}

function change(stream, events) {
  return new Promise((resolve) => {
    const done = () => {
      events.forEach((event) => stream.off(event, done));
      resolve();
    };
    events.forEach((event) => stream.on(event, done));
  });
}

module.exports = { Peers, answerHead, gone, guarded, listening, requestHead, reset, take, takeAll, takeClose, takeHead };
