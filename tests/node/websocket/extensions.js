'use strict';

// What the ends agree on passes as it is: extensions (RFC 7692) and subprotocols.

const assert = require('node:assert');
const { noise, text } = require('./frames.js');

const compressions = {
  'with its defaults': [true, { threshold: 0 }, 'permessage-deflate'],
  'without context takeover': [
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  'with windows of 9 bits': [
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9, threshold: 0 },
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
  ],
};

const sizes = [0, 1, 126, 1000, 65536, 1 << 20];

module.exports = (peers) => [
  ...Object.entries(compressions).flatMap(([name, [offer, accept, agreed]]) => [
    [`permessage-deflate ${name} is agreed on`, async () => {
      const { client, request, answer } = await peers.sockets({ offer, accept });
      assert.match(request.headers['sec-websocket-extensions'], /^permessage-deflate/);
      assert.strictEqual(client.extensions, 'permessage-deflate');
      assert.strictEqual(answer.headers['sec-websocket-extensions'], agreed);
      client.terminate();
    }],
    [`permessage-deflate ${name} carries messages of all sizes both ways`, async () => {
      const { client, endpoint } = await peers.sockets({ offer, accept });
      for (const size of sizes) {
        for (const data of [Buffer.from(text(size)), noise(size)]) {
          client.send(data);
          assert.ok((await endpoint.next('message')).data.equals(data));
          endpoint.send(data);
          assert.ok((await client.next('message')).data.equals(data));
        }
      }

      client.terminate();
    }],
    [`permessage-deflate ${name} carries fragments and 500 messages in a row`, async () => {
      const { client, endpoint } = await peers.sockets({ offer, accept });
      for (let i = 0; i < 500; i++) {
        client.send(`the same again, ${i}, `, { fin: false });
        client.send('and again', { fin: true });
      }

      for (let i = 0; i < 500; i++) {
        assert.strictEqual((await endpoint.next('message')).data.toString(), `the same again, ${i}, and again`);
      }

      client.terminate();
    }],
  ]),
  ['an offer that the endpoint does not take is no extension', async () => {
    const { client } = await peers.sockets({ offer: true, accept: false });
    assert.strictEqual(client.extensions, '');
    client.terminate();
  }],
  ['extensions that nobody knows reach the endpoint as they are', async () => {
    const offer = 'x-one; a=1; b="two, three", x-four';
    const { client, request } = await peers.sockets({ headers: { 'Sec-WebSocket-Extensions': offer } });
    assert.strictEqual(request.headers['sec-websocket-extensions'], offer);
    client.terminate();
  }],
  ['of several subprotocols the endpoint takes one', async () => {
    const { client, request } = await peers.sockets({ protocols: ['chat.v1', 'chat.v2', 'graphql-ws'], choose: () => 'chat.v2' });
    assert.strictEqual(request.headers['sec-websocket-protocol'], 'chat.v1,chat.v2,graphql-ws');
    assert.strictEqual(client.protocol, 'chat.v2');
    client.terminate();
  }],
  ['an endpoint may take none', async () => {
    const { client } = await peers.sockets({ choose: () => false });
    assert.strictEqual(client.protocol, '');
    client.terminate();
  }],
];
