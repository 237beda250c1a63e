import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { NAME } from '../domain/name.js';
import { ACCESS_EXTENSION, type Access } from './access.js';
import { HttpModule } from './http.module.js';
import { PROBLEM_TYPE, Problem } from './problem.js';
import { borrowDescriptions, requestSchemas } from './schemas.js';

const DESCRIPTION = `Leases on hosts and clean checkouts, from pools that belong to one trust tier each.

Names are DNS labels; ids are prefixed and sortable (\`lease_…\`). Times are ISO 8601 in UTC; durations are texts such as
\`30s\`, \`10m\`, \`1h\` or \`2d\`. Lists are read with \`limit\` and \`cursor\`. Unknown fields are refused. Errors are
\`application/problem+json\`, and their \`code\` comes from a closed list.`;

const TAGS: Record<string, string> = {
  Leases: 'Claims on resources.',
  Commands: 'Processes run on leased resources.',
  Files: 'Files of leases, and their artifacts.',
  Blueprints: 'What can be leased.',
  Consumers: 'Who leases.',
  People: 'Who looks after it.',
  Tokens: 'Keys of consumers and people.',
  Authorizations: 'Who may use what.',
  Resources: 'What the blueprints built.',
  Operations: 'Repository changes made by high-trust automation.',
  Events: 'The log.',
  Isolation: 'Who can touch whose work.',
  Sweep: 'What exists without a row, and rows of what does not.',
  Manifests: 'Declarations by the file.',
  Service: 'The broker itself.',
};

const PARAMETERS: Record<string, { description: string; pattern?: string }> = {
  name: { description: 'Its name.', pattern: NAME.source },
  id: { description: 'Its id, prefixed.' },
  commandId: { description: 'Id of the command.' },
  path: { description: 'Relative path; its slashes are part of it.' },
};

/** The API as OpenAPI 3.1, from the controllers themselves. */
export function openApi(app: INestApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Berth')
    .setDescription(DESCRIPTION)
    .setVersion('v1')
    .addBearerAuth({ type: 'http', bearerFormat: 'opaque, or the OIDC token of a CI job' })
    .addSecurityRequirements('bearer');
  for (const [tag, description] of Object.entries(TAGS)) builder.addTag(tag, description);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    include: [HttpModule],
    extraModels: [Problem],
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}.${method}`,
  });
  const schemas = document.components?.schemas ?? {};
  Object.assign(schemas, requestSchemas(Object.keys(schemas)));
  borrowDescriptions(schemas, 'BlueprintSpec', 'Blueprint');
  borrowDescriptions(schemas, 'LimitsSpec', 'BlueprintLimits');
  borrowDescriptions(schemas, 'ConsumerSpec', 'Consumer');
  document.paths = Object.fromEntries(Object.entries(document.paths).map(describePath));
  return document;
}

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;

function describePath([path, item]: [string, PathItem]): [string, PathItem] {
  for (const operation of Object.values(item) as Operation[]) {
    describeParameters(operation);
    describeAccess(operation);
  }
  return [path.replace('*', '{path}'), item];
}

function describeParameters(operation: Operation): void {
  for (const parameter of operation.parameters ?? []) {
    if (!('in' in parameter) || parameter.in !== 'path') continue;
    if (parameter.name === '*') parameter.name = 'path';
    const { description, pattern } = PARAMETERS[parameter.name] ?? {};
    Object.assign(parameter, { description, schema: { type: 'string', pattern } });
  }
}

/** What every route can answer, by its access rule; and no token asked for where none is needed. */
function describeAccess(operation: Operation & { [ACCESS_EXTENSION]?: Access }): void {
  const access = operation[ACCESS_EXTENSION] ?? 'admin';
  if (access === 'open') {
    operation.security = [];
    return;
  }
  if (access === 'local') operation.security = [{}, { bearer: [] }];
  describeFault(operation, 400, 'malformed');
  describeFault(operation, 401, 'unauthenticated');
  if (access !== 'anyone') describeFault(operation, 403, 'forbidden');
}

function describeFault({ responses }: Operation, status: number, code: string): void {
  const content = { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } };
  responses[String(status)] ??= { description: `\`${code}\``, content };
}
