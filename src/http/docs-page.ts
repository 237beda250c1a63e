import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_STATUS, type ErrorCode } from '../domain/errors.js';
import { TITLES } from './problem.js';

type Schema = {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  items?: Schema;
  description?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  allOf?: Schema[];
};

interface Operation {
  summary: string;
  description?: string;
  tags: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: Schema }> }>;
}

export const STYLE = `
:root{color-scheme:light dark;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
code{font:.9em ui-monospace,monospace} h2{margin-top:3rem;border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:.3rem 0} summary b{display:inline-block;width:4.5rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem} .wide{overflow-x:auto}
td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}
nav a{margin-right:1rem} details>div{padding-left:1rem;border-left:2px solid var(--line)}
`;

/** The document as one page of plain HTML: routes by tag, schemas, and the closed list of error codes. */
export function docsPage(document: OpenAPIObject): string {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>;
  const tags = document.tags ?? [];
  const links = [...tags.map(({ name }) => name), 'Schemas', 'Errors'];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Berth API</title>',
    `<meta name="viewport" content="width=device-width,initial-scale=1"><style>${STYLE}</style></head><body>`,
    `<h1>Berth API</h1>${prose(document.info.description ?? '')}`,
    '<p>For machines: <a href="/openapi.json">/openapi.json</a>, OpenAPI 3.1.</p>',
    `<nav>${links.map((name) => `<a href="#${escaped(name)}">${escaped(name)}</a>`).join('')}</nav>`,
    ...tags.map(({ name, description }) => section(name, description ?? '', routesOf(document, name))),
    section('Schemas', '', Object.entries(schemas).map(schemaBlock).join('')),
    section('Errors', 'What `code` can be.', errorTable()),
    '</body></html>',
  ].join('\n');
}

function section(name: string, description: string, content: string): string {
  return `<h2 id="${escaped(name)}">${escaped(name)}</h2>${prose(description)}${content}`;
}

function routesOf({ paths }: OpenAPIObject, tag: string): string {
  return Object.entries(paths)
    .flatMap(([path, item]) =>
      Object.entries(item as Record<string, Operation>)
        .filter(([, operation]) => operation.tags.includes(tag))
        .map(([method, operation]) => route(method, path, operation)),
    )
    .join('\n');
}

function route(method: string, path: string, operation: Operation): string {
  const { summary, description = '', parameters = [], requestBody, responses } = operation;
  const body = Object.entries(requestBody?.content ?? {}).map(([media, { schema }]) => [
    'body',
    media,
    typeOf(schema),
  ]);
  const inputs = parameters.map(({ name, in: where, required, description = '', schema }) => [
    `<code>${escaped(name)}</code>`,
    `${where}${required ? ', required' : ''}`,
    `${typeOf(schema)} ${inline(description)}`,
  ]);
  const answers = Object.entries(responses).map(([status, { description, content = {} }]) => [
    status,
    Object.entries(content)
      .map(([media, { schema }]) => `${escaped(media)}: ${typeOf(schema)}`)
      .join('<br>'),
    inline(description),
  ]);
  return [
    `<details><summary><b>${method.toUpperCase()}</b><code>${escaped(path)}</code> ${inline(summary)}</summary><div>`,
    prose(description),
    table([...inputs, ...body]),
    table(answers),
    '</div></details>',
  ].join('');
}

function schemaBlock([name, schema]: [string, Schema]): string {
  const { properties = {}, required = [] } = schema;
  const rows = Object.entries(properties).map(([field, property]) => [
    `<code>${escaped(field)}</code>${required.includes(field) ? '' : ' <small>optional</small>'}`,
    typeOf(property),
    inline(property.description ?? ''),
  ]);
  const content = rows.length > 0 ? table(rows) : `<p>${typeOf(schema)}</p>`;
  return `<details id="schema-${escaped(name)}"><summary>${escaped(name)}</summary><div>${content}</div></details>`;
}

function typeOf(schema: Schema | undefined): string {
  if (!schema) return '';
  const reference = (schema.$ref ?? schema.allOf?.[0]?.$ref)?.split('/').at(-1);
  if (reference) return `<a href="#schema-${reference}">${escaped(reference)}</a>`;
  if (schema.enum) return schema.enum.map((value) => `<code>${escaped(String(value))}</code>`).join(' | ');
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  const { minimum, maximum, maxLength } = schema;
  const bounds = [
    ...(minimum === undefined ? [] : [`from ${minimum}`]),
    ...(maximum === undefined ? [] : [`to ${maximum}`]),
    ...(maxLength === undefined ? [] : [`at most ${maxLength} long`]),
  ];
  return escaped([[schema.type ?? 'any'].flat().join(' or '), ...bounds].join(' '));
}

function errorTable(): string {
  const codes = Object.entries(ERROR_STATUS) as [ErrorCode, number][];
  return table(
    codes.map(([code, status]) => [
      `<code id="${code}">${code}</code>`,
      String(status),
      escaped(TITLES[code]),
    ]),
  );
}

function table(rows: string[][]): string {
  if (rows.length === 0) return '';
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  return `<div class="wide"><table>${lines.join('')}</table></div>`;
}

function prose(text: string): string {
  return text === ''
    ? ''
    : text
        .split('\n\n')
        .map((part) => `<p>${inline(part)}</p>`)
        .join('');
}

function inline(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
