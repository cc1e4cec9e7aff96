'use strict';

// node websocket/run.js GROUP KIND
//   writes   port N            where the endpoint listens
//   reads    N                 where the gateway listens
//   writes   pass NAME | fail NAME: why      a line a case, then ends

const { once } = require('node:events');
const readline = require('node:readline');
const { Peers } = require('./peers.js');

// A guard, not a measure: nothing in a passing case takes so long.
const patienceMs = 30_000;

async function main([group, kind]) {
  const peers = new Peers();
  console.log(`port ${await peers.listen()}`);
  const input = readline.createInterface({ input: process.stdin }).on('close', () => process.exit(1));
  const [line] = await once(input, 'line');
  peers.use(kind, Number(line));
  let hangs = false;
  for (const [name, run] of require(`./${group}.js`)(peers)) {
    if (hangs) {
      console.log(`fail ${name}: not run, after one that hung`);
      continue;
    }

    let guard;
    const patience = new Promise((resolve) => (guard = setTimeout(resolve, patienceMs, true)));
    try {
      hangs = await Promise.race([run().then(() => false), patience]);
      console.log(hangs ? `fail ${name}: nothing came of it` : `pass ${name}`);
    } catch (error) {
      console.log(`fail ${name}: ${String(error.stack ?? error).replaceAll(/\s*\n\s*/g, ' | ')}`);
    }

    clearTimeout(guard);
  }

  peers.close();
  process.exit(0);
}

main(process.argv.slice(2));
