// A gRPC client: `echo-client.cjs HOST:PORT CASE...`. Says "CASE ok", or "CASE failed: why", for each.
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const assert = require('assert');

const { Echo } = grpc.loadPackageDefinition(loader.loadSync(`${__dirname}/echo.proto`, { keepCase: true, defaults: true })).lakou.test;
const [address, ...cases] = process.argv.slice(2);
const client = new Echo(address, grpc.credentials.createInsecure(), {
  'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, 'grpc.enable_retries': 0,
});
const patience = () => ({ deadline: Date.now() + 60_000 }); // a guard

const unary = (method, note, metadata = new grpc.Metadata(), options = patience()) => new Promise(resolve => {
  const result = {};
  const call = client[method](note, metadata, options, (error, answer) => Object.assign(result, { error, answer }));
  call.on('metadata', head => { result.head = head; });
  call.on('status', status => { result.status = status; resolve(result); });
});

const ended = call => new Promise(resolve => {
  const notes = [];
  call.on('data', note => notes.push(note));
  call.on('error', () => {});
  call.on('status', status => resolve({ notes, status }));
});

const failsWith = (code, note = {}) => async () => {
  const { status } = await unary('Unary', note);
  assert.strictEqual(status.code, code, `${status.code} ${status.details}`);
  console.log(`details ${status.details}`);
};

const all = {
  async unary() {
    const { answer, status } = await unary('Unary', { data: Buffer.from('hello') });
    assert.strictEqual(status.code, 0, status.details);
    assert.strictEqual(answer.data.toString(), 'hello');
  },

  async large() {
    const data = Buffer.alloc(1 << 20, 7);
    for (let i = 0; i < 3; i++) {
      const { answer, status } = await unary('Unary', { data });
      assert.strictEqual(status.code, 0, status.details);
      assert.ok(answer.data.equals(data));
    }
  },

  async gather() {
    const { error, answer } = await new Promise(resolve => {
      const call = client.Gather(new grpc.Metadata(), patience(), (error, answer) => resolve({ error, answer }));
      for (let i = 0; i < 100; i++) call.write({ data: Buffer.alloc(i * 100) });
      call.end();
    });
    assert.ok(!error, error);
    assert.strictEqual(answer.count, 495_000);
  },

  async spread() {
    const { notes, status } = await ended(client.Spread({ count: 200, data: Buffer.alloc(3000) }, new grpc.Metadata(), patience()));
    assert.strictEqual(status.code, 0, status.details);
    assert.deepStrictEqual(notes.map(note => note.count), [...Array(200).keys()]);
  },

  // One message at a time: each waits for the answer to the one before.
  async pingpong() {
    const call = client.PingPong(new grpc.Metadata(), patience());
    let at = 0;
    const send = () => call.write({ data: Buffer.alloc([0, 1, 5, 20_000, 300_000][at % 5]), count: at });
    call.on('data', note => {
      assert.strictEqual(note.count, at);
      if (++at < 50) send(); else call.end();
    });
    send();
    const { status } = await ended(call);
    assert.strictEqual(status.code, 0, status.details);
    assert.strictEqual(at, 50);
  },

  async metadata() {
    const metadata = new grpc.Metadata();
    metadata.add('x-text', 'one');
    metadata.add('x-text', 'two');
    metadata.add('x-data-bin', Buffer.from([0, 255, 10, 13]));
    metadata.add('x-trailing-text', 'end');
    metadata.add('x-trailing-data-bin', Buffer.from([1, 2, 250]));
    const { head, status } = await unary('Unary', {}, metadata);
    assert.strictEqual(head.get('x-text').join(', '), 'one, two');
    assert.deepStrictEqual(head.get('x-data-bin'), [Buffer.from([0, 255, 10, 13])]);
    assert.deepStrictEqual(status.metadata.get('x-trailing-text'), ['end']);
    assert.deepStrictEqual(status.metadata.get('x-trailing-data-bin'), [Buffer.from([1, 2, 250])]);
  },

  async status() {
    for (const message of ['plain', 'a % sign', 'line\r\nbreak and \u263a \u{1f608}']) {
      const metadata = new grpc.Metadata();
      metadata.add('x-trailing-text', 'why');
      const { status } = await unary('Unary', { code: 9, message }, metadata);
      assert.strictEqual(status.code, 9);
      assert.strictEqual(status.details, message);
      assert.deepStrictEqual(status.metadata.get('x-trailing-text'), ['why']);
    }
  },

  async midway() {
    const call = client.PingPong(new grpc.Metadata(), patience());
    call.write({ count: 1 });
    call.write({ code: 10, message: 'enough' });
    const { status } = await ended(call);
    assert.strictEqual(status.code, 10);
    assert.strictEqual(status.details, 'enough');
  },

  async empty() {
    const call = client.PingPong(new grpc.Metadata(), patience());
    call.end();
    const { notes, status } = await ended(call);
    assert.strictEqual(status.code, 0, status.details);
    assert.strictEqual(notes.length, 0);
  },

  async cancel() {
    const call = client.PingPong(new grpc.Metadata(), patience());
    call.once('data', () => call.cancel());
    call.write({ count: 1 });
    const { status } = await ended(call);
    assert.strictEqual(status.code, 1);
  },

  async cancelEarly() {
    const call = client.Wait({}, new grpc.Metadata(), {}, () => {});
    setTimeout(() => call.cancel(), 100);
    await new Promise(resolve => call.on('status', resolve));
  },

  async deadline() {
    const { status } = await unary('Wait', {}, new grpc.Metadata(), { deadline: Date.now() + 300 });
    assert.strictEqual(status.code, 4, status.details);
  },

  async parallel() {
    const results = await Promise.all([...Array(400).keys()].map(i => unary('Unary', { data: Buffer.alloc(i) })));
    for (let i = 0; i < results.length; i++) {
      assert.strictEqual(results[i].status.code, 0, results[i].status.details);
      assert.strictEqual(results[i].answer.data.length, i);
    }
  },

  deadlineOfRoute: async () => {
    const { status } = await unary('Wait', {});
    assert.strictEqual(status.code, 4, status.details);
    console.log(`details ${status.details}`);
  },
  resourceExhausted: failsWith(8, { data: Buffer.alloc(100) }),
  unimplemented: failsWith(12),
  unavailable: failsWith(14),
};

(async () => {
  for (const name of cases) {
    try {
      await all[name]();
      console.log(`${name} ok`);
    } catch (error) {
      console.log(`${name} failed: ${String(error.message).replaceAll('\n', ' ')}`);
    }
  }
  process.exit(0);
})();
