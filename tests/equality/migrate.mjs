// Runs Drizzle's own migrator for one request per line, and answers each with one line of JSON.
// It is copied beside the node_modules of one generation, so that the imports below find that generation.
import { createInterface } from "node:readline";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import pg from "pg";

const requests = {
  // The reference: the migrator that applications call.
  async migrate({ url, folder, schema, table }) {
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    // A connection that was ended may still hear that its database was dropped; nobody waits for it any more.
    pool.on("connect", (client) => client.on("error", () => {}));
    pool.on("error", () => {});
    try {
      await migrate(drizzle({ client: pool }), {
        migrationsFolder: folder,
        migrationsSchema: schema,
        migrationsTable: table,
      });
      return {};
    } finally {
      await pool.end();
    }
  },
  // What it makes of the files, before any database.
  async read({ folder }) {
    return readMigrationFiles({ migrationsFolder: folder }).map(({ sql, hash, folderMillis, name }) => ({
      sql,
      hash,
      millis: Number.isNaN(folderMillis) ? null : folderMillis,
      name: name ?? null,
    }));
  },
  // The order that generation 1 gives to folder names.
  async sort({ names }) {
    return names.sort((a, b) => a.localeCompare(b));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, ...request } = JSON.parse(line);
  let answer;
  try {
    answer = { answer: await requests[verb](request) };
  } catch (error) {
    const cause = error.cause ?? error;
    answer = { error: String(cause.code ?? error.code ?? error.message), said: String(cause.message ?? error.message) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
