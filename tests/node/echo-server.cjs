// A gRPC server on a free port: `echo-server.cjs [certificate key]`. Says "listening PORT", then a line for each call that ends early.
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const fs = require('fs');

const { Echo } = grpc.loadPackageDefinition(loader.loadSync(`${__dirname}/echo.proto`, { keepCase: true, defaults: true })).lakou.test;
const [certificate, key] = process.argv.slice(2);

// Metadata that begins with x- comes back, in the head; that of x-trailing- in the trailers.
function metadataOf(call, isTrailing) {
  const answer = new grpc.Metadata();
  for (const name of Object.keys(call.metadata.getMap())) {
    if (name.startsWith('x-') && !name.startsWith('x-forwarded') && name.startsWith('x-trailing-') === isTrailing) {
      for (const value of call.metadata.get(name)) answer.add(name, value);
    }
  }
  return answer;
}

function watch(call, name) {
  call.on('cancelled', () => console.log(`cancelled ${name}${call.getDeadline() !== Infinity ? ' with deadline' : ''}`));
}

const server = new grpc.Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
server.addService(Echo.service, {
  Unary(call, done) {
    call.sendMetadata(metadataOf(call, false));
    if (call.request.code) done({ code: call.request.code, details: call.request.message, metadata: metadataOf(call, true) });
    else done(null, { data: call.request.data, message: call.getPeer() }, metadataOf(call, true));
  },
  Gather(call, done) {
    let count = 0;
    watch(call, 'Gather');
    call.on('data', note => { count += note.data.length; });
    call.on('end', () => done(null, { count }));
  },
  Spread(call) {
    for (let i = 0; i < call.request.count; i++) call.write({ data: call.request.data, count: i });
    call.end(metadataOf(call, true));
  },
  PingPong(call) {
    watch(call, 'PingPong');
    call.sendMetadata(metadataOf(call, false));
    call.on('data', note => note.code ? call.emit('error', { code: note.code, details: note.message }) : call.write(note));
    call.on('end', () => call.end(metadataOf(call, true)));
  },
  Wait(call) {
    watch(call, 'Wait');
    console.log('waiting');
  },
});

const credentials = certificate
  ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(certificate), private_key: fs.readFileSync(key) }])
  : grpc.ServerCredentials.createInsecure();
server.bindAsync('127.0.0.1:0', credentials, (error, port) => console.log(error ? `failed ${error.message}` : `listening ${port}`));
process.stdin.resume().on('end', () => process.exit(0));
