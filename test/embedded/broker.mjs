// A broker that does nothing but hold its database: `broker.mjs DATA_DIR`. It prints one JSON object a line: what it
// started, or why it didn't; then what it logs. SIGTERM stops it in order.
import { startEmbeddedPostgres } from '../../dist/src/embedded/embedded-postgres.js';

const say = (words) => console.log(JSON.stringify(words));
try {
  const postgres = await startEmbeddedPostgres({
    dataDir: process.argv[2],
    holder: `broker pid ${process.pid} on http://127.0.0.1:8080`,
    log: () => undefined,
  });
  process.once('SIGTERM', async () => {
    await postgres.stop();
    process.exit(0);
  });
  say({ url: postgres.url, pid: postgres.pid, adopted: postgres.adopted });
} catch (error) {
  say({ name: error.name, message: error.message });
  process.exitCode = 1;
}
