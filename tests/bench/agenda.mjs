// Agenda 6 on the same server: COUNT no-op jobs, all due before it starts, beside WAITING that are due tomorrow and
// FINISHED that are done. Ends after SECONDS with what was done by then. Prints one line of JSON.
// node tests/bench/agenda.mjs URI DATABASE COUNT CONCURRENCY WAITING FINISHED SECONDS
import { MongoBackend } from "@agendajs/mongo-backend";
import { Agenda } from "agenda";
import { MongoClient } from "mongodb";

const [uri, database] = process.argv.slice(2, 4);
const [count, concurrency, waiting, finished, seconds] = process.argv.slice(4).map(Number);
const client = await new MongoClient(uri).connect();
const agenda = new Agenda({
  backend: new MongoBackend({ mongo: client.db(database) }),
  processEvery: 500,
  maxConcurrency: concurrency,
  defaultConcurrency: concurrency,
});

let done = 0;
let finish;
const all = new Promise((resolve) => (finish = resolve));
agenda.define("no-op", async () => {});
agenda.on("success:no-op", () => {
  done += 1;
  if (done === count) finish();
});
await agenda.ready;
if (finished) {
  await agenda.now("no-op", {});
  const jobs = client.db(database).collection("agendaJobs");
  const { _id, ...job } = await jobs.findOneAndDelete({});
  const at = new Date(Date.now() - 3_600_000);
  const old = { ...job, nextRunAt: null, lastRunAt: at, lastFinishedAt: at };
  await jobs.insertMany(Array.from({ length: finished }, () => ({ ...old })));
}
for (let number = 0; number < waiting; number += 1) await agenda.schedule("tomorrow", "no-op", { number });
for (let number = 0; number < count; number += 1) await agenda.now("no-op", { number });
const began = performance.now();
await agenda.start();
await Promise.race([all, new Promise((resolve) => setTimeout(resolve, seconds * 1000))]);
console.log(JSON.stringify({ jobs: done, seconds: (performance.now() - began) / 1000 }));
process.exit(0);
