// Agenda 6 on the same server: COUNT no-op jobs, all due before it starts. Prints one line of JSON.
// node tests/bench/agenda.mjs URI DATABASE COUNT CONCURRENCY
import { MongoBackend } from "@agendajs/mongo-backend";
import { Agenda } from "agenda";
import { MongoClient } from "mongodb";

const [uri, database] = process.argv.slice(2, 4);
const [count, concurrency] = process.argv.slice(4).map(Number);
const client = await new MongoClient(uri).connect();
const agenda = new Agenda({
  backend: new MongoBackend({ mongo: client.db(database) }),
  processEvery: 500,
  maxConcurrency: concurrency,
  defaultConcurrency: concurrency,
});

let done = 0;
let finished;
const all = new Promise((resolve) => (finished = resolve));
agenda.define("no-op", async () => {});
agenda.on("success:no-op", () => {
  done += 1;
  if (done === count) finished();
});
await agenda.ready;
for (let number = 0; number < count; number += 1) await agenda.now("no-op", { number });
const began = performance.now();
await agenda.start();
await all;
console.log(JSON.stringify({ jobs: done, seconds: (performance.now() - began) / 1000 }));
await agenda.stop();
await client.close();
process.exit(0);
