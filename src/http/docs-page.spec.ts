import { describe, expect, it } from '@jest/globals';
import { ERROR_STATUS } from '../domain/errors.js';
import { docsPage } from './docs-page.js';
import { openApiDocument } from './openapi-document.js';

describe('docsPage', () => {
  it('has every route, schema and error code, and nothing from elsewhere', async () => {
    const document = await openApiDocument();
    const page = docsPage(document);
    for (const path of Object.keys(document.paths)) expect(page).toContain(`<code>${path}</code>`);
    for (const name of Object.keys(document.components?.schemas ?? {})) {
      expect(page).toContain(`id="schema-${name}"`);
    }
    for (const code of Object.keys(ERROR_STATUS)) expect(page).toContain(`id="${code}"`);
    expect(page).not.toMatch(/<script|<link|src=|style="|https?:\/\//);
  });

  it('shows markup in descriptions as text', async () => {
    const document = await openApiDocument();
    expect(docsPage({ ...document, info: { ...document.info, description: '<b>&' } })).toContain(
      '&#60;b&#62;&#38;',
    );
  });
});
