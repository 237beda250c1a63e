// Writes src/client/schema.d.ts, the types of the published client, from the API's own OpenAPI document.
// `node scripts/client.mjs --check` writes nothing, and fails when what is there is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { ensureBuilt } from './built.mjs';
import { ensureInstalled } from './installed.mjs';

const FILE = new URL('../src/client/schema.d.ts', import.meta.url);
const HEADER = '// Made by scripts/client.mjs from the OpenAPI document; do not edit.\n';

ensureInstalled();
ensureBuilt();
const { default: openapiTS, astToString } = await import('openapi-typescript');
await import('reflect-metadata');
const { openApiDocument } = await import('../dist/src/http/openapi-document.js');

const types = HEADER + astToString(await openapiTS(JSON.parse(JSON.stringify(await openApiDocument()))));
if (!process.argv.includes('--check')) {
  writeFileSync(FILE, types);
} else if (readFileSync(FILE, 'utf8') !== types) {
  console.error('src/client/schema.d.ts is not what the API says now; run `node scripts/client.mjs`.');
  process.exitCode = 1;
}
