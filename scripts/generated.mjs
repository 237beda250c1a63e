// Writes what is made from the code and committed: the types of the published client (from the API's own OpenAPI
// document) and the JSON Schema of manifests (from the validators). `--check` writes nothing, and fails when a file is
// not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { ensureBuilt } from './built.mjs';
import { ensureInstalled } from './installed.mjs';

ensureInstalled();
ensureBuilt();
await import('reflect-metadata');

const files = {
  'src/client/schema.d.ts': await clientTypes(),
  'blueprints/manifest.schema.json': await manifestSchema(),
};
for (const [file, text] of Object.entries(files)) {
  const url = new URL(`../${file}`, import.meta.url);
  if (!process.argv.includes('--check')) {
    writeFileSync(url, text);
  } else if (readFileSync(url, 'utf8') !== text) {
    console.error(`${file} is not what the code says now; run \`npm run generate\`.`);
    process.exitCode = 1;
  }
}

async function clientTypes() {
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  const { openApiDocument } = await import('../dist/src/http/openapi-document.js');
  const document = JSON.parse(JSON.stringify(await openApiDocument()));
  return `// Made by scripts/generated.mjs from the OpenAPI document; do not edit.\n${astToString(await openapiTS(document))}`;
}

async function manifestSchema() {
  const { SPECS } = await import('../dist/src/broker/declarations.js');
  const { NAME } = await import('../dist/src/domain/name.js');
  const { requestSchemas } = await import('../dist/src/http/schemas.js');
  const drivers = {
    'docker-host': (await import('../dist/src/drivers/docker-host/docker-host.spec-schema.js'))
      .DockerHostSpec,
    'ssh-host': (await import('../dist/src/drivers/ssh-host/ssh-host.spec-schema.js')).SshHostSpec,
    'working-copy': (await import('../dist/src/drivers/working-copy/working-copy.spec-schema.js'))
      .WorkingCopySpec,
  };
  const classes = [...Object.values(SPECS), ...Object.values(drivers)].map(({ name }) => name);
  const definition = ({ name }) => ({ $ref: `#/$defs/${name}` });
  const when = (property, value, schema) => ({
    if: { properties: { [property]: { const: value } }, required: [property] },
    // biome-ignore lint/suspicious/noThenProperty: the word is JSON Schema's
    then: { properties: { spec: schema } },
  });
  const $defs = requestSchemas(classes);
  $defs.Object = {}; // what may take several forms, of which only the broker's own check knows
  $defs.BlueprintSpec.allOf = Object.entries(drivers).map(([type, spec]) =>
    when('type', type, definition(spec)),
  );
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A Berth manifest',
    type: 'object',
    properties: {
      apiVersion: { const: 'berth/v1' },
      kind: { enum: Object.keys(SPECS) },
      metadata: {
        type: 'object',
        properties: { name: { type: 'string', pattern: NAME.source } },
        required: ['name'],
        additionalProperties: false,
      },
      spec: { type: 'object' },
    },
    required: ['apiVersion', 'kind', 'metadata'],
    additionalProperties: false,
    allOf: Object.entries(SPECS).map(([kind, spec]) => when('kind', kind, definition(spec))),
    $defs,
  };
  return `${JSON.stringify(schema, null, 2).replaceAll('#/components/schemas/', '#/$defs/')}\n`;
}
