import { describe, expect, it } from '@jest/globals';
import { BadRequestException, NotFoundException } from '@nestjs/common';
import { BrokerError, ERROR_STATUS, type ErrorCode } from '../domain/errors.js';
import { TITLES, toProblem } from './problem.js';

describe('toProblem', () => {
  it.each(Object.entries(ERROR_STATUS))('answers %s with %d', (code, status) => {
    const problem = toProblem(new BrokerError(code as ErrorCode, 'Why.'), '/v1/x?secret=1');
    expect(problem).toEqual({
      type: `/docs#${code}`,
      title: TITLES[code as ErrorCode],
      status,
      detail: 'Why.',
      code,
      instance: '/v1/x',
    });
  });

  it('names faulty fields and helpful values where there are any', () => {
    const errors = [{ path: 'ttl', message: 'must be a duration' }];
    const problem = toProblem(new BrokerError('malformed', 'No.', { errors, details: { lease: 'l' } }), '/');
    expect(problem).toMatchObject({ errors, details: { lease: 'l' } });
  });

  it.each([
    [new NotFoundException('Cannot GET /x'), 404, 'not-found'],
    [new BadRequestException('Unexpected token'), 400, 'malformed'],
    [Object.assign(new Error('FST_ERR_CTP_BODY_TOO_LARGE'), { statusCode: 413 }), 413, 'too-large'],
    [Object.assign(new Error('FST'), { statusCode: 415 }), 415, 'unsupported-media-type'],
    [Object.assign(new Error('teapot'), { statusCode: 418 }), 400, 'malformed'],
  ])('translates the framework’s %p', (error, status, code) => {
    expect(toProblem(error, '/')).toMatchObject({ status, code });
    expect(toProblem(error, '/').detail).not.toContain(error.message);
  });

  it.each([
    [new Error('insert into "tokens" violates constraint')],
    [Object.assign(new Error('relation does not exist'), { code: '42P01' })],
    ['text'],
    [undefined],
  ])('lets nothing out of %p', (thrown) => {
    expect(toProblem(thrown, '/')).toMatchObject({
      status: 500,
      code: 'internal',
      detail: 'The broker failed; its log says why.',
    });
  });
});
