'use strict';

// The opening handshake: what the gateway passes, what it leaves to the endpoint, what comes with it.

const assert = require('node:assert');
const { once } = require('node:events');
const http2 = require('node:http2');
const { WebSocket } = require('ws');
const { noise } = require('./frames.js');
const { answerHead, guarded, listening, requestHead, take, takeAll, takeHead } = require('./peers.js');
const { Http2Tunnel } = require('./tunnel.js');

const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

const upgrades = {
  'tokens in other letters': `connection: UPGRADE\r\nUPGRADE: WebSocket\r\n${key}`,
  'Connection with other tokens': `Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n${key}`,
  'Connection in two lines': `Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}`,
  'a version that nobody knows': 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
  'no key': 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
  'a key that is none': 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ?\r\n',
};

const plain = {
  'no Connection': `Upgrade: websocket\r\n${key}`,
  'a Connection that does not name Upgrade': `Connection: keep-alive\r\nUpgrade: websocket\r\n${key}`,
  'no Upgrade': `Connection: Upgrade\r\n${key}`,
};

const refusals = {
  401: ['WWW-Authenticate: Bearer realm="chat"', 'who are you'],
  403: ['X-Why: because', 'no'],
  404: ['X-Why: because', ''],
  426: ['Sec-WebSocket-Version: 13, 8', 'another version'],
  503: ['Retry-After: 7', 'b'.repeat(100_000)],
};

const both = (peers) => [
  ...Object.entries(refusals).map(([status, [field, body]]) => [`a refusal with ${status} passes with its fields and body`, async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const client = await peers.dial();
    client.write(requestHead(path));
    const { socket } = await arrival;
    socket.end(`HTTP/1.1 ${status} Refused\r\n${field}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    const answer = await takeHead(client);
    assert.strictEqual(answer.status, Number(status));
    const [name, value] = field.split(': ');
    assert.strictEqual(answer.fields[name.toLowerCase()], value);
    assert.strictEqual((await take(client, body.length)).toString(), body);
    client.destroy();
  }]),
  ['a refusal of WebSocket\'s own reaches its client', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const stream = await peers.dial();
    const client = listening(new WebSocket(`ws://localhost${path}`, { createConnection: () => stream }));
    const { socket } = await arrival;
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
    const [, response] = await once(client, 'unexpected-response');
    assert.strictEqual(response.statusCode, 401);
    assert.strictEqual((await takeAll(response)).toString(), 'no');
    stream.destroy();
  }],
  ['an endpoint that closes without an answer is a bad gateway', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const client = await peers.dial();
    client.write(requestHead(path));
    (await arrival).socket.destroy();
    assert.strictEqual((await takeHead(client)).status, 502);
    client.destroy();
  }],
  ['bytes right behind the head of the request are the first of the tunnel', async () => {
    const { client, endpoint } = await peers.bytes({ eager: noise(3000) });
    assert.ok((await take(endpoint, 3000)).equals(noise(3000)));
    client.destroy();
  }],
  ['bytes right behind the 101 are the first of the tunnel', async () => {
    const { client } = await peers.bytes({ early: noise(3000) });
    assert.ok((await take(client, 3000)).equals(noise(3000)));
    client.destroy();
  }],
  ['200000 bytes right behind both heads', async () => {
    const { client, endpoint } = await peers.bytes({ eager: noise(200_000), early: noise(200_000, 9) });
    assert.ok((await take(endpoint, 200_000)).equals(noise(200_000)));
    assert.ok((await take(client, 200_000)).equals(noise(200_000, 9)));
    client.destroy();
  }],
  ['an endpoint that says 101 late gets what the client said meanwhile', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const client = await peers.dial();
    client.write(requestHead(path));
    const { request, socket, head } = await arrival;
    client.write(noise(20_000));
    await new Promise((resolve) => setImmediate(resolve));
    socket.unshift(head);
    socket.write(answerHead(request));
    await takeHead(client);
    assert.ok((await take(socket, 20_000)).equals(noise(20_000)));
    client.destroy();
  }],
  ['fields of the client and of the endpoint pass', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const client = await peers.dial();
    client.write(requestHead(path, `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}Origin: https://example.org\r\nCookie: a=b\r\n`));
    const { request, socket } = await arrival;
    assert.deepStrictEqual([request.headers.origin, request.headers.cookie, request.headers.upgrade, request.headers.connection], ['https://example.org', 'a=b', 'websocket', 'Upgrade']);
    assert.strictEqual(request.headers['sec-websocket-version'], '13');
    assert.strictEqual(Buffer.from(request.headers['sec-websocket-key'], 'base64').length, 16);
    socket.write(answerHead(request).replace('\r\n\r\n', '\r\nSet-Cookie: c=d\r\nX-Endpoint: 7\r\n\r\n'));
    const { fields } = await takeHead(client);
    assert.deepStrictEqual([fields['set-cookie'], fields['x-endpoint']], ['c=d', '7']);
    client.destroy();
  }],
];

const http1 = (peers) => [
  ...Object.entries(upgrades).map(([name, fields]) => [`with ${name} the endpoint decides`, async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const client = await peers.dial();
    client.write(requestHead(path, fields));
    const { request, socket } = await arrival;
    assert.strictEqual(request.headers.upgrade.toLowerCase(), 'websocket');
    for (const [line, value] of [...fields.matchAll(/^(Sec-[^:]+): (.*)\r$/gm)].map(([, ...pair]) => pair)) {
      assert.strictEqual(request.headers[line.toLowerCase()], value);
    }

    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    assert.strictEqual((await takeHead(client)).status, 400);
    client.destroy();
  }]),
  ...Object.entries(plain).map(([name, fields]) => [`with ${name} it is a request like any other`, async () => {
    const client = await peers.dial();
    client.write(requestHead(peers.newPath(), fields));
    const answer = await takeHead(client);
    assert.strictEqual(answer.status, 426);
    const seen = JSON.parse(await take(client, Number(answer.fields['content-length'])));
    assert.strictEqual(seen.upgrade, undefined);
    client.destroy();
  }]),
  ['HTTP/1.0 knows no upgrade', async () => {
    const client = await peers.dial();
    client.write(requestHead(peers.newPath()).replace('HTTP/1.1', 'HTTP/1.0'));
    assert.strictEqual((await takeHead(client)).status, 426);
    client.destroy();
  }],
  ['the key and its answer pass unchanged', async () => {
    const { answer, request, client } = await peers.bytes();
    assert.strictEqual(request.headers['sec-websocket-key'], 'dGhlIHNhbXBsZSBub25jZQ==');
    assert.strictEqual(answer.fields['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.deepStrictEqual([answer.fields.upgrade, answer.fields.connection], ['websocket', 'Upgrade']);
    client.destroy();
  }],
  ['a wrong answer to the key is for the client to see', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const stream = await peers.dial();
    const client = new WebSocket(`ws://localhost${path}`, { createConnection: () => stream });
    const { request, socket } = await arrival;
    request.headers['sec-websocket-key'] = 'another';
    socket.write(answerHead(request));
    const [error] = await once(client, 'error');
    assert.match(error.message, /Sec-WebSocket-Accept/);
    stream.destroy();
  }],
  ['after a refusal the connection of the client serves on', async () => {
    const client = await peers.dial();
    for (let i = 0; i < 3; i++) {
      const path = peers.newPath();
      const arrival = peers.arrival(path);
      client.write(requestHead(path));
      (await arrival).socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno');
      assert.strictEqual((await takeHead(client)).status, 403);
      await take(client, 2);
    }

    const { endpoint } = await peers.bytes({ client });
    client.write('at last');
    assert.strictEqual((await take(endpoint, 7)).toString(), 'at last');
    client.destroy();
  }],
];

const schemeOf = (session) => (session.encrypted ? 'https' : 'http');

const requestOn = (session, path, options) => guarded(session.request(
  { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': schemeOf(session), ':authority': 'localhost', ':path': path, 'sec-websocket-version': '13' },
  options));

const http2Only = (peers) => [
  ['the server says that it knows extended CONNECT', async () => {
    const session = await peers.session();
    assert.strictEqual(session.remoteSettings.enableConnectProtocol, true);
  }],
  ['the key of HTTP/1.1 is not asked of the client, and its answer not shown', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const session = await peers.session();
    const stream = requestOn(session, path);
    const { request, socket } = await arrival;
    socket.write(answerHead(request));
    const [answer] = await once(stream, 'response');
    assert.strictEqual(answer[':status'], 200);
    assert.deepStrictEqual(['connection', 'upgrade', 'sec-websocket-accept', 'transfer-encoding', 'content-length'].filter((name) => name in answer), []);
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }],
  ['padded frames carry what they carry', async () => {
    const session = await peers.session(true, { paddingStrategy: http2.constants.PADDING_STRATEGY_MAX });
    const { client, endpoint } = await peers.bytes({ client: guarded(new Http2Tunnel(session)) });
    client.write(noise(100_000));
    assert.ok((await take(endpoint, 100_000)).equals(noise(100_000)));
    client.destroy();
    session.destroy();
  }],
  ['a stream that ends with its request is a client that has ended its half', async () => {
    const path = peers.newPath();
    const arrival = peers.arrival(path);
    const session = await peers.session();
    const stream = requestOn(session, path, { endStream: true });
    const { request, socket } = await arrival;
    socket.write(answerHead(request));
    assert.strictEqual((await takeAll(socket)).length, 0);
    socket.end('all there is');
    assert.strictEqual((await takeAll(stream)).toString(), 'all there is');
  }],
  ...['', 'connect-udp', 'h2c'].map((protocol) => [`CONNECT ${protocol === '' ? 'without a protocol' : `of '${protocol}'`} is refused`, async () => {
    const session = await peers.session(true);
    const stream = guarded(session.request({ ':method': 'CONNECT', ':authority': 'localhost', ...(protocol && { ':protocol': protocol, ':scheme': schemeOf(session), ':path': '/' }) }));
    const [answer] = await once(stream, 'response');
    assert.ok(answer[':status'] >= 400 && answer[':status'] < 600, `It was ${answer[':status']}`);
    session.destroy();
  }]),
];

module.exports = (peers) => [...both(peers), ...(peers.isHttp2 ? http2Only(peers) : http1(peers))];
