#!/usr/bin/env node
// The CLI. A checkout that was never built is built first; one that was is taken as it is, which is faster.
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../dist/src/cli.js', import.meta.url))) {
  const { ensureInstalled } = await import('../scripts/installed.mjs');
  ensureInstalled();
  const { ensureBuilt } = await import('../scripts/built.mjs');
  ensureBuilt();
}
await import('../dist/src/cli.js');
