import { describe, expect, it } from '@jest/globals';
import { CommanderError } from 'commander';
import { ProblemError, UnreachableError } from '../client/client.js';
import {
  exitCodeOf,
  exitCodeOfCommand,
  explain,
  FailedError,
  StillWaitingError,
  UsageError,
} from './exit.js';

const problem = (status: number) =>
  new ProblemError({
    status,
    code: 'malformed',
    detail: 'It is wrong.',
    errors: [{ path: 'ttl', message: 'must be a duration' }],
  });

describe('exitCodeOf', () => {
  it.each([
    [new CommanderError(0, 'commander.helpDisplayed', ''), 0],
    [new CommanderError(1, 'commander.unknownOption', ''), 64],
    [new UsageError(), 64],
    [new UnreachableError('http://x', undefined), 69],
    [new StillWaitingError(), 75],
    [problem(401), 77],
    [problem(403), 77],
    [problem(400), 1],
    [problem(500), 1],
    [new FailedError(), 1],
    [new Error(), 1],
  ])('ends %p with %d', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});

describe('explain', () => {
  it('says what a problem says, field by field', () => {
    expect(explain(problem(400))).toEqual(['It is wrong.', '  ttl: must be a duration']);
  });
});

describe('exitCodeOfCommand', () => {
  it.each([
    ['exited', 0, null, 0],
    ['exited', 7, null, 7],
    ['exited', null, 'SIGKILL', 137],
    ['timed-out', null, 'SIGKILL', 124],
    ['out-of-memory', 137, 'SIGKILL', 137],
    ['cancelled', null, 'SIGKILL', 130],
    ['lost', null, null, 1],
  ])('of one that %s with %p and %p is %d', (state, exitCode, signal, code) => {
    expect(exitCodeOfCommand({ state, exitCode, signal })).toBe(code);
  });
});
